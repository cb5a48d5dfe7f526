-- What other vendors' tracers say beside `traceparent` (W3C Trace Context, tracestate): passed on as it came.
alter table outbox add column tracestate text;
alter table inbox add column tracestate text;
