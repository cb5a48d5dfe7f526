import { timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { dropDefaultHeaders, type Http, setClientIp } from '@stoa/http';
import type { DeriveKey } from '@stoa/service';
import { serviceCredential } from './service-credential.ts';

/** The header by which the gateway passes the client's IP address to a service in another process: `<credential of the gateway> <IP>`. */
export const FORWARDED_HEADER = 'x-stoa-forwarded';

const proofOf = (derive: DeriveKey) => `${serviceCredential(derive, 'gateway')} `;

/** @returns what makes the value of the header for a client's IP address. */
export function createForwarding(derive: DeriveKey): (clientIp: string) => string {
  const proof = proofOf(derive);
  return (clientIp) => proof + clientIp;
}

/** @returns what reads the header: the IP address, where the gateway's credential proves it, compared in constant time. */
export function createForwardedReader(derive: DeriveKey): (header: string | string[] | undefined) => string | undefined {
  const proof = Buffer.from(proofOf(derive), 'latin1');
  return (header) => {
    if (typeof header !== 'string') return undefined;
    const shown = Buffer.from(header.slice(0, proof.length), 'latin1');
    if (shown.length !== proof.length || !timingSafeEqual(shown, proof)) return undefined;
    const clientIp = header.slice(proof.length);
    return isIP(clientIp) === 0 ? undefined : clientIp;
  };
}

/** Takes the client's IP address from the gateway, which proves itself; from anyone else the header changes nothing. */
export function installForwarded(http: Http, derive: DeriveKey): void {
  const read = createForwardedReader(derive);
  http.addHook('onRequest', (request, reply, done) => {
    const { headers } = request.raw;
    const header = headers[FORWARDED_HEADER];
    if (header !== undefined) {
      // It holds a credential: no handler needs it.
      delete headers[FORWARDED_HEADER];
      const clientIp = read(header);
      if (clientIp !== undefined) {
        setClientIp(request.raw, clientIp);
        // The gateway adds them.
        dropDefaultHeaders(reply.raw);
      }
    }
    done();
  });
}
