import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';

/** What the server does with the next mail. */
export type SmtpBehaviour =
  | 'accept'
  /** Takes the mail and does not answer until the test accepts it. */
  | 'hang'
  /** Takes the mail and cuts the connection instead of answering. */
  | 'drop-after-data'
  /** Cuts the connection at MAIL FROM. */
  | 'drop-before-data'
  | 'refuse-login'
  | { readonly refuse: number; readonly text?: string; readonly at?: 'recipient' | 'data' }
  | { readonly acceptAfterMs: number };

export interface ReceivedMail extends Email {
  readonly envelopeTo: readonly string[];
  readonly raw: string;
  readonly receivedAt: number;
}

/** A real SMTP server that behaves as scripted. */
export interface ScriptedSmtp extends AsyncDisposable {
  readonly url: string;
  /** Every mail the server took, also those it did not answer. */
  readonly received: ReceivedMail[];
  /** Called with each mail before it is answered; replaces the behaviour of all mails from now on. */
  behave(behaviour: SmtpBehaviour | ((to: string) => SmtpBehaviour)): void;
  /** Accepts a mail that hangs, the first one to this address being 0. */
  answer(to: string, mail: number): void;
  /** How many mails were taken and not answered. */
  hanging(): number;
  /** Stops answering at all, as if the machine were off; `up` takes the same port again. */
  down(): Promise<void>;
  up(): Promise<void>;
}

export async function createScriptedSmtp(): Promise<ScriptedSmtp> {
  let behaviour: (to: string) => SmtpBehaviour = () => 'accept';
  const received: ReceivedMail[] = [];
  const open = new Map<ReceivedMail, () => void>();
  let server = build();
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;

  function build(): SMTPServer {
    return new SMTPServer({
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      authOptional: true,
      disableReverseLookup: true,
      logger: false,
      closeTimeout: 1,
      onAuth: (_auth, _session, done) =>
        behaviour('') === 'refuse-login' ? done(refusal(535, 'wrong password')) : done(null, { user: 'tester' }),
      onMailFrom(_address, session, done) {
        if (behaviour('') === 'drop-before-data') cut(session.id);
        else done();
      },
      onRcptTo({ address }, _session, done) {
        const now = behaviour(address);
        if (typeof now === 'object' && 'refuse' in now && now.at !== 'data') done(refusal(now.refuse, now.text));
        else done();
      },
      async onData(stream, session, done) {
        const raw = await buffer(stream);
        const envelopeTo = session.envelope.rcptTo.map(({ address }) => address);
        const now = behaviour(envelopeTo[0] ?? '');
        if (typeof now === 'object' && 'refuse' in now) return done(refusal(now.refuse, now.text));
        const mail = { ...(await PostalMime.parse(raw)), envelopeTo, raw: raw.toString(), receivedAt: performance.now() };
        received.push(mail);
        if (now === 'drop-after-data') return cut(session.id);
        if (now === 'hang') {
          open.set(mail, done);
          for (const connection of server.connections)
            if (connection.id === session.id) connection._socket.once('close', () => open.delete(mail));
        } else if (typeof now === 'object') setTimeout(done, now.acceptAfterMs);
        else done();
      },
    }).on('error', () => {});
  }

  function cut(session: string): void {
    for (const connection of server.connections) if (connection.id === session) connection._socket.destroy();
  }

  const down = async (): Promise<void> => {
    for (const connection of server.connections) connection._socket.destroy();
    await new Promise<void>((resolve) => server.close(resolve));
  };
  return {
    url: `smtp://tester:secret@127.0.0.1:${port}`,
    received,
    behave: (next) => {
      behaviour = typeof next === 'function' ? next : () => next;
    },
    answer(to, number) {
      const mail = received.filter(({ envelopeTo }) => envelopeTo.includes(to))[number];
      const done = mail && open.get(mail);
      if (done === undefined) throw new Error(`no mail ${number} to ${to} hangs`);
      open.delete(mail as ReceivedMail);
      done();
    },
    hanging: () => open.size,
    down,
    async up() {
      server = build();
      server.listen(port, '127.0.0.1');
      await once(server.server, 'listening');
    },
    [Symbol.asyncDispose]: down,
  };
}

const refusal = (responseCode: number, text = 'as the script says') => Object.assign(new Error(text), { responseCode });
