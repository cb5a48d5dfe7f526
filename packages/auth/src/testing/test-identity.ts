import { hash, randomUUID } from 'node:crypto';
import { createLog, systemClock } from '@stoa/service';
import { signAccessToken } from '../access-tokens.ts';
import { API_KEY_PREFIX, createIdentity, type Identity } from '../identity.ts';
import type { IdentityState, Revocation } from '../identity-feed.ts';
import { generateSigningKey, openSigningKey } from '../signing-keys.ts';

export interface TestIdentity extends AsyncDisposable {
  readonly identity: Identity;
  /** The `Authorization` header of a person whose roles allow this. */
  person(...permissions: string[]): Promise<string>;
  /** That of a service account which may do this. */
  serviceAccount(...permissions: string[]): Promise<string>;
  /** From now on the session of a person's header is over. */
  logOut(authorization: string): Promise<void>;
}

/** The real guard of a service under test, which learns from the test instead of from users who has access. */
export async function testIdentity(): Promise<TestIdentity> {
  const made = await generateSigningKey();
  const signing = await openSigningKey(made);
  const state: IdentityState = {
    keys: [{ kty: 'OKP', crv: 'Ed25519', x: made.publicKey, kid: made.kid }],
    roles: { user: [] },
    serviceAccounts: [],
  };
  const revocations: Revocation[] = [];
  let version = 0;
  const ask = async () => ({
    cursor: String(version),
    version: String(version),
    state: structuredClone(state),
    revocations: [...revocations],
  });
  const identity = createIdentity({ ask, log: createLog({ level: 'silent' }), clock: systemClock });
  await identity.start();
  const tell = async () => {
    version += 1;
    await identity.refresh();
  };

  return {
    identity,
    async person(...permissions) {
      const role = `role-${randomUUID()}`;
      state.roles[role] = permissions;
      await tell();
      const ids = { id: randomUUID(), subject: randomUUID(), sessionId: randomUUID() };
      return `Bearer ${await signAccessToken({ ...ids, roles: ['user', role], version: 1, issuedAt: new Date(), lifeSeconds: 300 }, signing)}`;
    },
    async serviceAccount(...permissions) {
      const key = `${API_KEY_PREFIX}${randomUUID().replaceAll('-', '').padEnd(43, '0')}`;
      state.serviceAccounts.push({
        id: randomUUID(),
        name: 'test',
        digest: hash('sha256', key, 'base64url'),
        permissions,
        expiresAt: null,
      });
      await tell();
      return `Bearer ${key}`;
    },
    async logOut(authorization) {
      const { sid } = JSON.parse(Buffer.from(authorization.split('.')[1] as string, 'base64url').toString());
      revocations.push({ kind: 'session', id: sid, expiresAt: Date.now() + 600_000 });
      await tell();
    },
    [Symbol.asyncDispose]: () => identity.stop(),
  };
}
