import { randomBytes } from 'node:crypto';
import { createKeys } from '@stoa/service';
import { describe, expect, test } from 'vitest';
import { serviceCredential, verifyServiceCredential } from './service-credential.ts';

const newKeys = () => createKeys(randomBytes(32).toString('base64'));
const derive = newKeys();

describe('the credential of a service', () => {
  test('proves its caller within the system', () => {
    expect(verifyServiceCredential(derive, serviceCredential(derive, 'mailer'))).toBe('mailer');
  });

  test('proves nothing in another installation', () => {
    expect(verifyServiceCredential(newKeys(), serviceCredential(derive, 'mailer'))).toBeUndefined();
  });

  test('does not pass for another caller', () => {
    const borrowed = serviceCredential(derive, 'mailer').replace('mailer', 'orders');
    expect(verifyServiceCredential(derive, borrowed)).toBeUndefined();
  });

  test.each([
    ['nothing', undefined],
    ['another scheme', 'Basic YTpi'],
    ['no key', 'Service mailer'],
    ['a key that is cut', serviceCredential(derive, 'mailer').slice(0, -1)],
    ['a key that is longer', `${serviceCredential(derive, 'mailer')}A`],
    ['a caller that no service can have', serviceCredential(derive, '../mailer')],
  ])('%s is refused', (_, header) => {
    expect(verifyServiceCredential(derive, header)).toBeUndefined();
  });
});
