import { serviceCredential } from '@stoa/auth';
import type { TestIdentity } from '@stoa/auth/testing';
import type { Http } from '@stoa/http';
import type { DeriveKey } from '@stoa/service';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** The caller of a request. */
export interface TestCaller {
  /** Of a person; empty for others. */
  readonly id: string;
  readonly authorization: string;
}

export interface RequestOptions {
  /** The caller; anonymous without, unless the service was started with a default caller (`as`). */
  readonly as?: TestCaller | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Requests to one copy of a service, and those who make them. @param as permissions of the caller of requests that name none. */
export async function createRequests(http: Http, who: TestIdentity, derive: DeriveKey, as?: readonly string[]) {
  const person = async (...permissions: string[]): Promise<TestCaller> => {
    const authorization = await who.person(...permissions);
    const { sub } = JSON.parse(Buffer.from(authorization.split('.')[1] as string, 'base64url').toString());
    return { id: sub, authorization };
  };
  const byDefault = as && (await person(...as));
  return {
    /** A person unknown to other tests whose roles allow this. */
    person,
    /** Another back end, which may do this. */
    serviceAccount: async (...permissions: string[]): Promise<TestCaller> => ({
      id: '',
      authorization: await who.serviceAccount(...permissions),
    }),
    /** Another service of the system. */
    otherService: (name: string): TestCaller => ({ id: '', authorization: serviceCredential(derive, name) }),
    send: (method: Method, url: string, { as: caller = byDefault, body, headers }: RequestOptions = {}) =>
      http.inject({
        method,
        url,
        headers: { ...(caller && { authorization: caller.authorization }), ...headers },
        ...(body !== undefined && { payload: body as object }),
      }),
  };
}
