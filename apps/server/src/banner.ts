export interface BannerFacts {
  readonly url: string;
  readonly readyInMs: number;
  /** Where the embedded database is; absent when Postgres is external. */
  readonly postgresDirectory: string | undefined;
  readonly services: readonly string[];
  /** `MAIL_URL`. */
  readonly mail: string;
}

/** What a person needs to know after a start. Every address in it can be opened from this machine. */
export function banner({ url, readyInMs, postgresDirectory, services, mail }: BannerFacts): string {
  const hasMailbox = mail === 'mailbox:' && services.includes('mailer');
  const rows: [string, string][] = [
    ['API', url],
    ['Docs', `${url}/docs`],
    ...(hasMailbox ? ([['Mailbox', `${url}/mailbox`]] as [string, string][]) : []),
    ['Health', `${url}/health/ready`],
    ['Metrics', `${url}/metrics`],
    ['Services', services.join(', ')],
    [
      'Database',
      postgresDirectory === undefined ? 'external PostgreSQL (DATABASE_URL)' : `embedded PostgreSQL, data in ${postgresDirectory}`,
    ],
    ['Messages', 'embedded, in process (BROKER_URL=local:)'],
    [
      'Mail',
      mail === 'mailbox:'
        ? 'embedded: every mail stays in the mailbox (MAIL_URL=mailbox:)'
        : `external, ${new URL(mail).protocol}//${new URL(mail).host} (MAIL_URL)`,
    ],
  ];
  const table = rows.map(([name, value]) => `  ${name.padEnd(9)} ${value}`).join('\n');
  return `
  Stoa is ready in ${(readyInMs / 1000).toFixed(1)} s. Stop it with Ctrl-C.

${table}

  Register somebody${hasMailbox ? ', then open the mailbox' : ''}:

  curl -sS ${url}/v1/users -H 'content-type: application/json' \\
    -d '{"email":"ada@example.com","password":"correct horse battery","fullName":"Ada Lovelace"}'
`;
}
