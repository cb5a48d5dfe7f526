import { activationRequested } from '@stoa/contracts';
import { uuidv7 } from '@stoa/service';
import type { ActivationRequest } from '../domain/activation.ts';
import type { User } from '../domain/user.ts';
import type { UsersTx } from './ports.ts';

/** Stores one request for a code and has its mail sent, if the transaction commits. `number` 1 is the registration's. */
export async function openActivationRequest({ activationRequests, outbox }: UsersTx, user: User, number: number, now: Date): Promise<void> {
  const request: ActivationRequest = { id: uuidv7(now.getTime()), userId: user.id, number, requestedAt: now };
  await activationRequests.add(request);
  await outbox.append(activationRequested, {
    requestId: request.id,
    userId: user.id,
    email: user.email,
    fullName: user.fullName,
    reason: number === 1 ? 'registration' : 'resend',
    requestedAt: now.toISOString(),
  });
}
