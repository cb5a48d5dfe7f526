import { type FailureClass, SendError } from './transport.ts';

/** What Nodemailer adds to its errors. */
interface SmtpError extends Error {
  readonly code?: string;
  readonly responseCode?: number;
  readonly response?: string;
  readonly command?: string;
}

/** Whatever the code, an answer like this is about how much we send, not about what. */
const THROTTLED = /\b4\.7\.\d|\b5\.4\.5\b|too many|rate.?limit|throttl|quota|limit exceeded/i;

/** @param handedOver whether a byte of the message had left when the error came. */
export function classifySmtpError(error: unknown, handedOver: boolean): SendError {
  const { message, response, ...known } = (error instanceof Error ? error : new Error(String(error))) as SmtpError;
  return new SendError(failureOf(known, response ?? '', handedOver), message, error);
}

function failureOf({ code, responseCode, command }: Omit<SmtpError, 'message'>, response: string, handedOver: boolean): FailureClass {
  // Refused log-ins are 5xx too, and a wrong password must not fail every mail of the queue for good.
  if (code === 'EAUTH' || responseCode === 530 || command?.startsWith('AUTH')) return 'unavailable';
  if (responseCode !== undefined && responseCode > 0) {
    if (command === 'CONN' || command === 'EHLO' || command === 'STARTTLS' || responseCode === 421) return 'unavailable';
    // A full mailbox (552, 5.2.2) speaks of a quota too, its owner's and not ours.
    if (THROTTLED.test(response) && !/\b5\.2\.\d/.test(response)) return 'unavailable';
    // The sender is refused: that is about our MAIL_FROM, not about this mail.
    if (command === 'MAIL FROM') return 'unavailable';
    return responseCode >= 500 ? 'permanent' : 'transient';
  }
  // An address or message that cannot even be put on the wire.
  if (code === 'EENVELOPE' || code === 'EMESSAGE') return 'permanent';
  // No answer. Before the first byte of the message nothing can have been accepted.
  return handedOver ? 'unknown' : 'unavailable';
}
