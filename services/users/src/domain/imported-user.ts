import { importedForm, parseHash } from './imported-hash.ts';
import { accepted, type Parsed, refused } from './parsed.ts';
import { LONG_LIMIT } from './password-rules.ts';
import { type PersonDraft, type PersonRules, parsePerson } from './person.ts';
import { newUser, type User } from './user.ts';

/** An account of another system, with the hash in the form that is stored. */
export interface ImportedUser extends Pick<User, 'email' | 'login' | 'phone' | 'fullName' | 'createdAt'> {
  readonly passwordHash: string;
  readonly status: 'active' | 'pending';
}

interface Fields extends Omit<PersonDraft, 'password'> {
  readonly passwordHash: string;
  readonly status?: string;
  readonly createdAt?: string;
}

const FIELDS = ['email', 'passwordHash', 'login', 'phone', 'fullName', 'status', 'createdAt'];
/** RFC 3339, with its offset: without one it would be another time on another machine. */
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads one line of an import: a JSON object with `email`, `passwordHash`, and `login`, `phone`, `fullName`, `status` (`active` or
 * `pending`; `active` by default), `createdAt`; null is as good as absent. The rules are those of a registration. A reason never
 * quotes what stands in the line.
 */
export function parseImportedUser(
  line: Uint8Array,
  { defaultRegion }: Pick<PersonRules, 'defaultRegion'>,
  now: Date,
): Parsed<ImportedUser> {
  const read = parseObject(line);
  if ('refused' in read) return read;
  const { value: row } = read;
  const unknown = Object.keys(row).some((name) => !FIELDS.includes(name));
  const noText = FIELDS.filter((name) => row[name] !== undefined && typeof row[name] !== 'string');
  const missing = ['email', 'passwordHash'].filter((name) => row[name] === undefined);
  const [first, ...more] = [
    ...(unknown ? [`has a property that is none of ${FIELDS.join(', ')}`] : []),
    ...noText.map((name) => `${name} must be text`),
    ...missing.map((name) => `${name} is required`),
  ];
  return first === undefined ? parseFields(row as unknown as Fields, defaultRegion, now) : refused(first, ...more);
}

function parseFields({ passwordHash, status = 'active', createdAt, ...draft }: Fields, defaultRegion: string | undefined, now: Date) {
  const person = parsePerson(draft, { defaultRegion, limit: LONG_LIMIT, isCommon: () => false, passwordless: true });
  const hash = parseHash(passwordHash);
  const created = createdAt === undefined ? now : parseTime(createdAt, now);
  if ('person' in person && 'value' in hash && isStatus(status) && created !== undefined) {
    const { password: _, ...values } = person.person;
    return accepted({ ...values, passwordHash: importedForm(passwordHash), status, createdAt: created });
  }
  const reasons = [
    ...('refusals' in person ? person.refusals.map(({ field, message }) => `${field} ${message}`) : []),
    ...('refused' in hash ? hash.refused.map((message) => `passwordHash ${message}`) : []),
    ...(isStatus(status) ? [] : ['status must be active or pending']),
    ...(created === undefined ? ['createdAt must be a past time like 2020-01-31T12:00:00Z'] : []),
  ];
  return refused(...(reasons as [string, ...string[]]));
}

const isStatus = (text: string): text is ImportedUser['status'] => text === 'active' || text === 'pending';

function parseObject(line: Uint8Array): Parsed<Readonly<Record<string, unknown>>> {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(line));
  } catch {
    return refused('is not JSON in UTF-8');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refused('is not a JSON object');
  return accepted(Object.fromEntries(Object.entries(value).filter(([, property]) => property !== null)));
}

function parseTime(text: string, now: Date): Date | undefined {
  const time = DATE_TIME.test(text) ? new Date(text) : undefined;
  return time !== undefined && time.getTime() >= 0 && time <= now ? time : undefined;
}

/** A pending one has its day from the import on, as if it had asked for a code. */
export const userOf = (id: string, { email, login, phone, fullName, status, createdAt }: ImportedUser, now: Date): User => ({
  ...newUser(id, { email, password: null, login, phone, fullName }, createdAt),
  status,
  codeRequestedAt: now,
  updatedAt: now,
});
