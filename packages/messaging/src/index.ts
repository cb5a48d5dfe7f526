export type { Accept, Broker, BrokerSubscription, Observer, Outgoing, Rejection } from './broker.ts';
export { createMessaging, type Messaging, type MessagingOptions, messagingMigrations } from './create-messaging.ts';
export { listScheduledJobs, type RunNow, runScheduledJob, type ScheduledJob } from './cron.ts';
export {
  createDeadLetters,
  DEAD_LETTER_BOXES,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterSource,
  type DeadLetters,
} from './dead-letters.ts';
export { registerOnce } from './inbox-register.ts';
export { findUnclaimed, type Unclaimed } from './live-copies.ts';
export { createLocalBroker } from './local-broker.ts';
export { createMessageWriters, type MessageWriters } from './message-writers.ts';
export { findIdleQueues, findLeftOverQueues, type QueuesOptions, type SubscriberQueue } from './rabbitmq/examined-queues.ts';
export { createRabbitBroker, type RabbitBrokerOptions } from './rabbitmq/rabbit-broker.ts';
export { NotKeptError, type ResendOptions, resendSince } from './resend.ts';
export { defaultSettings, type MessagingSettings } from './settings.ts';
export {
  type Consumer,
  type Cron,
  consumer,
  type EarlierJob,
  type EventContract,
  type Job,
  type Jobs,
  job,
  type Message,
  type Outbox,
  PermanentError,
} from './types.ts';
export { readData } from './versions.ts';
