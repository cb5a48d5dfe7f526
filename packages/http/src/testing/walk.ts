import { randomUUID } from 'node:crypto';
import { BODY_BYTES, type Http } from '../create-http.ts';
import type { DeclaredRoute } from '../methods-of.ts';

export interface Walk {
  /** Of each request: credentials that let it through to what is walked for. */
  headers(route: DeclaredRoute): Readonly<Record<string, string>>;
}

const HOSTILE_METHODS = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const walkedOf = (http: Http) => http.declaredRoutes.filter(({ url }) => !url.includes('*'));
const nameOf = ({ method, url }: DeclaredRoute) => `${method} ${url}`;
const pathOf = (url: string, id: string) => url.replaceAll(/:\w+/g, id);

/**
 * Sends the worst bodies that each route takes, as long as it takes them.
 * @returns what is wrong with the answers (not 4xx, no problem), and the routes that refused for another reason than the body.
 */
export async function sendHostileBodies(http: Http, { headers }: Walk): Promise<{ faults: string[]; unread: string[] }> {
  const faults: string[] = [];
  const unread = new Set<string>();
  for (const route of walkedOf(http).filter(({ method }) => HOSTILE_METHODS.has(method))) {
    for (const [name, payload] of hostileBodies(route.bodyLimit ?? BODY_BYTES)) {
      const {
        statusCode,
        headers: answered,
        body,
      } = await http.inject({
        method: route.method as 'POST',
        url: pathOf(route.url, randomUUID()),
        headers: { 'content-type': 'application/json', ...headers(route) },
        payload,
      });
      const isProblem = String(answered['content-type']).startsWith('application/problem+json');
      if (statusCode < 400 || statusCode > 499 || !isProblem) faults.push(`${nameOf(route)}, ${name}: ${statusCode} ${body.slice(0, 200)}`);
      if (statusCode !== 400) unread.add(nameOf(route));
    }
  }
  return { faults, unread: [...unread].sort() };
}

function hostileBodies(limit: number): [string, string][] {
  const filled = (before: string, unit: string, after: string): string =>
    before + unit.repeat(Math.floor((limit - Buffer.byteLength(before + after)) / Buffer.byteLength(unit))) + after;
  return [
    ['levels', filled('', '[', '')],
    ['closed levels', '['.repeat(limit / 2) + ']'.repeat(limit / 2)],
    ['lists', filled('[', '[],', '[]]')],
    ['unknown names', `{${Array.from({ length: Math.floor(limit / 12) }, (_, n) => `"k${n}":0`).join(',')}}`],
    ['one name again and again', filled('{', '"a":0,', '"b":0}')],
    ['a long name', filled('{"', 'a', '":0}')],
    ['a long text', filled('{"text":"', 'a', '","b":0}')],
    ['marks', filled('{"text":"a', '\u0301\u0316', '","b":0}')],
    ['a long number', filled('{"text":', '9', ',"b":0}')],
    ['a prototype', '{"__proto__":{"a":1}}'],
  ];
}

export interface IdWalk extends Walk {
  /** Bodies that the routes take, by method and pattern; those that are not named get none. */
  readonly bodies: Readonly<Record<string, object>>;
  /** The id of something that is there, to be read. */
  readonly id: string;
}

/**
 * Asks each route with an id in its path for the same in lower case and in upper case.
 * @returns where status or body differ, but for the request's own id, and where the server failed; and how many routes were asked.
 */
export async function askInBothCases(http: Http, { headers, bodies, id }: IdWalk): Promise<{ faults: string[]; asked: number }> {
  const routes = walkedOf(http).filter(({ url }) => url.includes(':'));
  const faults: string[] = [];
  for (const route of routes) {
    // What is changed or deleted by the first request is not the same for the second.
    for (const each of [randomUUID(), ...(route.method === 'GET' ? [id] : [])]) {
      const body = bodies[nameOf(route)];
      const ask = async (form: string) => {
        const request = { method: route.method as 'POST', url: pathOf(route.url, form), headers: headers(route) };
        const answer = await http.inject({ ...request, ...(body && { payload: body }) });
        return `${answer.statusCode} ${answer.body.replace(/"requestId":"[^"]*"/, '')}`;
      };
      const [lower, upper] = [await ask(each), await ask(each.toUpperCase())];
      if (lower !== upper || lower.startsWith('5')) faults.push(`${nameOf(route)}: ${lower} but ${upper}`);
    }
  }
  return { faults, asked: routes.length };
}
