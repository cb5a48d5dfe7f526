import { eventually } from '@stoa/service/testing';
import { expect, test } from 'vitest';
import { logIn, post, somebody } from './client.ts';
import { dataFolder, type StoaProcess, startStoa } from './stoa-process.ts';

const addressIn = (output: string) => output.match(/http:\/\/\S+\/setup#code=([A-Za-z0-9_-]{43})(?= )/g) ?? [];

/** When each service is a process of its own, each prints when it is ready: users perhaps after the others. */
const printedBy = ({ output }: StoaProcess) =>
  eventually(async () => {
    const addresses = addressIn(output());
    expect(addresses).not.toEqual([]);
    return addresses;
  });

test('a start prints the address of the set-up until there is an administrator, and the log never contains it', async () => {
  await using folder = await dataFolder();
  const first = await startStoa({ dataDirectory: folder.path, env: { LOG_LEVEL: 'trace' } });
  const [address] = await printedBy(first);
  const url = new URL(address as string);
  expect(url.port).toBe(new URL(first.url).port);
  expect((await fetch(`${first.url}${url.pathname}`)).status).toBe(200);

  const person = somebody();
  const code = url.hash.replace('#code=', '');
  const answer = await post(`${first.url}/v1/setup`, { code, ...person });
  expect([answer.status, await answer.json()]).toMatchObject([201, { roles: ['user', 'admin'], status: 'active' }]);
  expect((await logIn(first.url, person)).status).toBe(201);
  await first.stop();
  expect(first.output().split(code)).toHaveLength(2);

  const second = await startStoa({ dataDirectory: folder.path });
  await second.stop();
  expect(second.output()).toContain('Stop it with Ctrl-C');
  expect(addressIn(second.output())).toEqual([]);
});
