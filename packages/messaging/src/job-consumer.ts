const PREFIX = 'job:';

/** The value of `inbox.consumer` of a job's rows. */
export const jobConsumer = (name: string): string => `${PREFIX}${name}`;

export const isJob = (consumer: string): boolean => consumer.startsWith(PREFIX);
