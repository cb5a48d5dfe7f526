import { subscribe } from 'node:diagnostics_channel';
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Http } from '@stoa/http';
import { createAnswerCheck, type SeenAnswer } from '@stoa/http/testing';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { afterAll, expect } from 'vitest';

/**
 * Every answer that a service gives in a test is as its OpenAPI document says: status, code, headers, media type, body. What is
 * not declared fails the file that has met it.
 */
const reference = join(import.meta.dirname, '../../docs/reference/openapi');
const described = new Set(globSync('*.json', { cwd: reference }).map((file) => basename(file, '.json')));
const kFaults = Symbol.for('stoa.undeclaredAnswers');

const shared = globalThis as { [kFaults]?: Set<string> };

/** By service and routes: instances that have the same describe them in the same way, and a description takes its time. */
const checks = new Map<string, (answer: SeenAnswer) => string[]>();

function checkOf(fastify: FastifyInstance): (answer: SeenAnswer) => string[] {
  const routes = (fastify as Http).declaredRoutes.map(({ method, url }) => `${method} ${url}`);
  const key = [fastify.serviceName, ...routes].join('\n');
  const check = checks.get(key) ?? createAnswerCheck(fastify);
  checks.set(key, check);
  return check;
}

/** Once for a process, however many files it runs. */
function watch(): Set<string> {
  const faults = new Set<string>();
  subscribe('fastify.initialization', (message) => {
    const { fastify } = message as { fastify: FastifyInstance };
    const bodies = new WeakMap<FastifyRequest, unknown>();
    let check: ((answer: SeenAnswer) => string[]) | undefined;
    fastify.addHook('onSend', (request, _reply, payload, done) => {
      bodies.set(request, payload);
      done(null, payload);
    });
    fastify.addHook('onResponse', (request, reply, done) => {
      const { url } = request.routeOptions;
      if (url !== undefined && !request.is404 && described.has(fastify.serviceName)) {
        check ??= checkOf(fastify);
        const { statusCode: status } = reply;
        const body = request.method === 'HEAD' || status === 304 ? undefined : bodies.get(request);
        for (const fault of check({ method: request.method, url, status, headers: reply.getHeaders(), body })) faults.add(fault);
      }
      done();
    });
  });
  return faults;
}

const faults = (shared[kFaults] ??= watch());

afterAll(() => {
  const met = [...faults];
  faults.clear();
  expect(met, 'answers that the OpenAPI document does not declare').toEqual([]);
});
