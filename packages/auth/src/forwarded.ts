import { timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { dropDefaultHeaders, type Http, setClientAddress } from '@stoa/http';
import type { DeriveKey } from '@stoa/service';
import { serviceCredential } from './service-credential.ts';

/** The header by which the gateway tells a service in another process where a request comes from: `<credential of the gateway> <address>`. */
export const FORWARDED_HEADER = 'x-stoa-forwarded';

const proofOf = (derive: DeriveKey) => `${serviceCredential(derive, 'gateway')} `;

/** @returns what makes the value of the header for a client's address. */
export function createForwarding(derive: DeriveKey): (address: string) => string {
  const proof = proofOf(derive);
  return (address) => proof + address;
}

/** @returns what reads the header: the address, where the gateway's credential proves it, compared in constant time. */
export function createForwardedReader(derive: DeriveKey): (header: string | string[] | undefined) => string | undefined {
  const proof = Buffer.from(proofOf(derive), 'latin1');
  return (header) => {
    if (typeof header !== 'string') return undefined;
    const shown = Buffer.from(header.slice(0, proof.length), 'latin1');
    if (shown.length !== proof.length || !timingSafeEqual(shown, proof)) return undefined;
    const address = header.slice(proof.length);
    return isIP(address) === 0 ? undefined : address;
  };
}

/** Takes the client's address from the gateway, who proves who it is; what anybody else says leaves the peer's address as it is. */
export function installForwarded(http: Http, derive: DeriveKey): void {
  const read = createForwardedReader(derive);
  http.addHook('onRequest', (request, reply, done) => {
    const { headers } = request.raw;
    const header = headers[FORWARDED_HEADER];
    if (header !== undefined) {
      // It holds a credential: no handler needs it.
      delete headers[FORWARDED_HEADER];
      const address = read(header);
      if (address !== undefined) {
        setClientAddress(request.raw, address);
        // The gateway adds them.
        dropDefaultHeaders(reply.raw);
      }
    }
    done();
  });
}
