import { defineErrors } from '@stoa/service';

/** Another append came first, or the stream is not what the caller took it for. Nothing was appended; the transaction may go on. */
export class VersionConflict extends Error {
  override readonly name = 'VersionConflict';
  readonly stream: string;
  readonly expectedVersion: number;

  constructor(stream: string, expectedVersion: number) {
    super(`stream ${stream} is not at version ${expectedVersion}`);
    this.stream = stream;
    this.expectedVersion = expectedVersion;
  }
}

/** What a request that reads a stream can be answered with; a service that has streams lists them with its own. */
export const eventStoreErrors = defineErrors({
  event_too_new: {
    kind: 'unavailable',
    title: 'This was changed by a newer version of the service, which is being rolled out.',
    cause: 'Copies of two versions of the service run side by side, and the older one was asked.',
    fix: 'Repeat the request after the seconds in `Retry-After`.',
  },
});
