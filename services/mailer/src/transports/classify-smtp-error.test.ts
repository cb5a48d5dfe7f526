import { expect, test } from 'vitest';
import { classifySmtpError } from './classify-smtp-error.ts';

const refused = (responseCode: number, response: string, command = 'DATA') =>
  classifySmtpError(Object.assign(new Error('refused'), { responseCode, response, command }), false).failure;

test.for([
  ['a used-up quota of ours', 550, '550 5.4.5 Daily user sending quota exceeded', 'DATA', 'unavailable'],
  ['throttling', 450, '450 4.7.1 slow down', 'RCPT TO', 'unavailable'],
  ['a sender that is refused', 553, '553 Sender address rejected', 'MAIL FROM', 'unavailable'],
  ['a recipient that is not there', 550, '550 5.1.1 No such user', 'RCPT TO', 'permanent'],
  ['a mailbox that is full', 552, '552 5.2.2 Mailbox over quota', 'RCPT TO', 'permanent'],
  ['content that is refused', 554, '554 5.7.1 looks like spam', 'DATA', 'permanent'],
  ['a passing fault', 451, '451 4.3.0 try later', 'DATA', 'transient'],
] as const)('%s is what it is', ([, code, response, command, failure]) => {
  expect(refused(code, response, command)).toBe(failure);
});
