export { eventually } from './eventually.ts';
export { freePort, freePorts } from './free-ports.ts';
export { type OwnServer, type ServerProgram, startOwnServer } from './own-server.ts';
export { type Inspect, startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
