/** The consumer of what no consumer of the service takes. */
export const UNROUTED = 'unrouted';
