import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OutgoingMail, Transport } from './transport.ts';

/** A transport and, behind it, the place where its mails arrive. */
export interface TransportHarness extends AsyncDisposable {
  readonly transport: Transport;
  arrived(to: string): Promise<readonly { subject: string; text: string; html: string; from: string; messageId: string; raw: string }[]>;
  /** Makes the other side unable to take mails for a while, and able again. */
  fail(): Promise<void>;
  recover(): Promise<void>;
}

export const mailTo = (to: string, fields: Partial<OutgoingMail> = {}): OutgoingMail => ({
  messageId: `<${randomUUID()}@stoa.localhost>`,
  to,
  subject: 'Welcome to Stoa',
  text: 'Hi,\n\n1234\n',
  html: '<p>Hi, <b>1234</b></p>',
  ...fields,
});

const never = new AbortController().signal;

/** What every transport promises, whatever is behind it. */
export function transportContract(name: string, create: () => Promise<TransportHarness>): void {
  describe(`transport ${name}`, () => {
    let harness: TransportHarness;
    const address = () => `${randomUUID()}@example.com`;
    const send = (mail: OutgoingMail) => harness.transport.send(mail, never);
    beforeAll(async () => {
      harness = await create();
    });
    afterAll(() => harness[Symbol.asyncDispose]());

    test('a mail arrives once, with both parts, its subject, sender and Message-ID', async () => {
      const mail = mailTo(address());
      expect(await send(mail)).toMatch(/^250 /);
      const [arrived, ...more] = await harness.arrived(mail.to);
      expect(more).toEqual([]);
      expect(arrived).toMatchObject({
        subject: mail.subject,
        html: expect.stringContaining(mail.html),
        from: 'no-reply@stoa.test',
        messageId: mail.messageId,
      });
      expect(arrived?.text.split(/\r?\n/)).toContain('1234');
    });

    test('text of every script arrives as it was', async () => {
      const mail = mailTo(address(), { subject: 'Grüße, 世界 🎉', text: '.\n..\nmarhaban مرحبا\n', html: '<p>&lt;b&gt; ü 世界</p>' });
      await send(mail);
      const [arrived] = await harness.arrived(mail.to);
      expect(arrived?.subject).toBe(mail.subject);
      expect(arrived?.text.replaceAll('\r\n', '\n').trim()).toBe(mail.text.trim());
    });

    test('line breaks in a subject make no header', async () => {
      const mail = mailTo(address(), { subject: 'Hi\r\nBcc: thief@example.com\r\n\r\n<script>' });
      await send(mail);
      const [arrived] = await harness.arrived(mail.to);
      expect(arrived?.raw).not.toMatch(/^bcc:/im);
      expect(await harness.arrived('thief@example.com')).toEqual([]);
    });

    test('an address is one address, whatever it holds', async () => {
      const thief = address();
      await send(mailTo(`${randomUUID()}@example.com, ${thief}`)).catch(() => {});
      await send(mailTo(`${randomUUID()}@example.com>\r\nRCPT TO:<${thief}`)).catch(() => {});
      expect(await harness.arrived(thief)).toEqual([]);
    });

    test('several mails at once arrive once each', async () => {
      const mails = Array.from({ length: 12 }, () => mailTo(address()));
      await Promise.all(mails.map(send));
      for (const { to } of mails) expect(await harness.arrived(to)).toHaveLength(1);
    });

    test('while the other side cannot take mails the error says "try later", and then mails arrive again', async () => {
      await harness.fail();
      const mail = mailTo(address());
      await expect(send(mail)).rejects.toMatchObject({ failure: expect.stringMatching(/^(transient|unavailable)$/) });
      await harness.recover();
      await send(mail);
      expect(await harness.arrived(mail.to)).toHaveLength(1);
    });
  });
}
