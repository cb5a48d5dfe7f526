import { createServer } from 'node:http';
import { type Dispatcher, Pool } from 'undici';

/**
 * A proxy that only passes requests on, with the libraries of which the gateway is made: `bare-proxy-server.ts URL`. The throughput of a
 * service behind it is what the hop leaves, with this machine, Node and undici.
 */
const [url] = process.argv.slice(2) as [string];
const pool = new Pool(url, { pipelining: 1 });
const server = createServer(({ method, url: path, headers }, response) => {
  const { host: _, connection: __, ...passed } = headers;
  pool.dispatch(
    { method: method as Dispatcher.HttpMethod, path: path as string, headers: passed },
    {
      onRequestStart() {},
      onResponseStart(_controller, status, { connection: _, 'keep-alive': __, ...answered }) {
        response.writeHead(status, answered);
      },
      onResponseData: (_controller, chunk) => void response.write(chunk),
      onResponseEnd: () => void response.end(),
      onResponseError: () => void response.destroy(),
    },
  );
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as { port: number }).port}`));
