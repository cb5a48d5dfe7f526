import type { Environment } from '@stoa/service';

export interface BannerFacts {
  readonly url: string;
  readonly readyInMs: number;
  /** Where the embedded database is; absent when Postgres is external. */
  readonly postgresDirectory: string | undefined;
  readonly services: readonly string[];
  /** `MAIL_URL`. */
  readonly mail: string;
  /** Where the first administrator is made; absent when there is one. */
  readonly setUpUrl?: string | undefined;
  /** What a person should know before others reach this. */
  readonly warnings: readonly string[];
}

/** What a person needs to know after a start. Every address in it can be opened from this machine. */
export function banner({ url, readyInMs, postgresDirectory, services, mail, setUpUrl, warnings }: BannerFacts): string {
  const hasMailbox = mail === 'mailbox:' && services.includes('mailer');
  const rows: readonly (readonly [string, string, boolean?])[] = [
    ['API', url],
    ['Docs', `${url}/docs`, services.includes('gateway')],
    ['Mailbox', `${url}/mailbox`, hasMailbox],
    ['Health', `${url}/health/ready`],
    ['Metrics', `${url}/metrics`],
    ['Services', services.join(', ')],
    ['Database', postgresDirectory ? `embedded PostgreSQL, data in ${postgresDirectory}` : 'external PostgreSQL (DATABASE_URL)'],
    ['Messages', 'embedded, in process (BROKER_URL=local:)'],
    ['Mail', describeMail(mail), services.includes('mailer')],
    ['Set-up', `${setUpUrl} (makes the first administrator; works once, for 24 hours)`, setUpUrl !== undefined],
    ...warnings.map((warning) => ['WARNING', warning] as const),
  ];
  const table = rows.filter(([, , isThere = true]) => isThere).map(([name, value]) => `  ${name.padEnd(9)} ${value}`);
  return [
    '',
    `  Stoa is ready in ${(readyInMs / 1000).toFixed(1)} s. Stop it with Ctrl-C.`,
    '',
    ...table,
    '',
    ...example(url, services, hasMailbox),
  ].join('\n');
}

function describeMail(url: string): string {
  if (url === 'mailbox:') return 'embedded: every mail stays in the mailbox (MAIL_URL=mailbox:)';
  const { protocol, host } = new URL(url);
  return `external, ${protocol}//${host} (MAIL_URL)`;
}

function example(url: string, services: readonly string[], hasMailbox: boolean): string[] {
  if (!services.includes('users')) return [];
  return [
    `  Register somebody${hasMailbox ? ', then open the mailbox' : ''}:`,
    '',
    `  curl -sS ${url}/v1/users -H 'content-type: application/json' \\`,
    `    -d '{"email":"ada@example.com","password":"correct horse battery","fullName":"Ada Lovelace"}'`,
    '',
  ];
}

/** Settings that are good for one purpose and dangerous for others, said loudly. */
export function warningsOf(environment: Environment, host: string): string[] {
  const isOpen = !['127.0.0.1', '::1', 'localhost'].includes(host);
  const warnings = [];
  if (environment['RATE_LIMITS'] === 'off')
    warnings.push('RATE_LIMITS=off: nothing is limited per address. For benchmarks, never for users.');
  if (isOpen && environment['MAIL_URL'] === 'mailbox:') {
    warnings.push(`HOST=${host} with MAIL_URL=mailbox: whoever reaches this machine reads every mail at /mailbox.`);
  }
  if (environment['DATABASE_URL'] !== undefined && environment['PUBLIC_URL'] === undefined) {
    warnings.push('PUBLIC_URL is not set: links in mails lead to localhost, and so nowhere for those who get them.');
  }
  return warnings;
}
