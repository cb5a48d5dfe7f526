import type { Environment } from '@stoa/service';
import { GATEWAY } from './services.ts';
import { LOCAL } from './settings.ts';

export interface BannerFacts {
  readonly url: string;
  readonly readyInMs: number;
  /** Where the embedded database is; absent when Postgres is external. */
  readonly postgresDirectory: string | undefined;
  readonly services: readonly string[];
  /** Where the services are that run in other processes. */
  readonly elsewhere: ReadonlyMap<string, readonly string[]>;
  /** `BROKER_URL` and `REDIS_URL`. */
  readonly broker: string;
  readonly redis: string | undefined;
  /** `MAIL_URL`. */
  readonly mail: string;
  /** Where the first administrator is made; absent when there is one. */
  readonly setUpUrl?: string | undefined;
  /** What a person should know before others reach this. */
  readonly warnings: readonly string[];
}

/** What a person needs to know after a start. Every address in it can be opened from this machine. */
export function banner(facts: BannerFacts): string {
  const { url, readyInMs, postgresDirectory, services, elsewhere, broker, redis, mail, setUpUrl, warnings } = facts;
  const hasMailbox = mail === 'mailbox:' && services.includes('mailer');
  const hasDatabase = services.some((name) => name !== GATEWAY);
  const places = [...elsewhere].map(([name, urls]) => `${name} at ${urls.join(' and ')}`);
  const rows: readonly (readonly [string, string, boolean?])[] = [
    ['API', url],
    ['Docs', `${url}/docs`, services.includes('gateway')],
    ['Mailbox', `${url}/mailbox`, hasMailbox],
    ['Health', `${url}/health/ready`],
    ['Metrics', `${url}/metrics`],
    ['Services', services.join(', ')],
    ['Elsewhere', places.join(', '), places.length > 0],
    [
      'Database',
      postgresDirectory ? `embedded PostgreSQL, data in ${postgresDirectory}` : 'external PostgreSQL (DATABASE_URL)',
      hasDatabase,
    ],
    ['Messages', broker === LOCAL ? 'embedded, in process (BROKER_URL=local:)' : `external, ${withoutUser(broker)} (BROKER_URL)`],
    ['Redis', `external, ${withoutUser(redis ?? '')} (REDIS_URL)`, redis !== undefined],
    ['Mail', describeMail(mail), services.includes('mailer')],
    ['Set-up', `${setUpUrl} (makes the first administrator; works once, for 24 hours)`, setUpUrl !== undefined],
    ...warnings.map((warning) => ['WARNING', warning] as const),
  ];
  const table = rows.filter(([, , isThere = true]) => isThere).map(([name, value]) => `  ${name.padEnd(10)} ${value}`);
  return [
    '',
    `  Stoa is ready in ${(readyInMs / 1000).toFixed(1)} s. Stop it with Ctrl-C.`,
    '',
    ...table,
    '',
    ...example(url, services, hasMailbox),
  ].join('\n');
}

const describeMail = (url: string): string =>
  url === 'mailbox:' ? 'embedded: every mail stays in the mailbox (MAIL_URL=mailbox:)' : `external, ${withoutUser(url)} (MAIL_URL)`;

function withoutUser(url: string): string {
  if (url === '') return '';
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}

function example(url: string, services: readonly string[], hasMailbox: boolean): string[] {
  if (!services.includes('users') || !services.includes(GATEWAY)) return [];
  return [
    `  Register somebody${hasMailbox ? ', then open the mailbox' : ''}:`,
    '',
    `  curl -sS ${url}/v1/users -H 'content-type: application/json' \\`,
    `    -d '{"email":"ada@example.com","password":"correct horse battery","fullName":"Ada Lovelace"}'`,
    '',
  ];
}

/** Warnings about settings that are good for one purpose and dangerous for others. */
export function warningsOf(environment: Environment, host: string, services: readonly string[]): string[] {
  const isOpen = !['127.0.0.1', '::1', 'localhost'].includes(host);
  const warnings = [];
  if (environment['RATE_LIMITS'] === 'off')
    warnings.push('RATE_LIMITS=off: nothing is limited per client IP. For benchmarks, never for users.');
  const hasMailer = services.includes('mailer');
  if (isOpen && hasMailer && environment['MAIL_URL'] === 'mailbox:') {
    warnings.push(`HOST=${host} with MAIL_URL=mailbox: anyone who reaches this machine reads every mail at /mailbox.`);
  }
  if (hasMailer && environment['DATABASE_URL'] !== undefined && environment['PUBLIC_URL'] === undefined) {
    warnings.push('PUBLIC_URL is not set: links in mails lead to localhost, and do not work for their recipients.');
  }
  return warnings;
}
