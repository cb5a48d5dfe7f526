import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** A network of its own for processes, which reach all that listens on the loopback of this machine under another address. */
export interface VanishingNetwork extends AsyncDisposable {
  /** What is `127.0.0.1` here, seen from there. */
  readonly outside: string;
  /** The address at which processes there are reached from here. */
  readonly inside: string;
  /** Words in front of a command that is to run there. */
  readonly enter: readonly string[];
  /** From now on nothing gets through, in either direction, and neither side is notified: as when the machine has lost its power. */
  vanish(): Promise<void>;
}

const run = promisify(execFile);
/** No machine has this address: what is sent there gets no answer. */
const NOBODY = '02:00:00:00:09:99';

/**
 * Uses a network namespace of Linux: the kernels of both sides really hold a connection, where a proxy would answer for the side that is
 * gone. Needs root, `ip` and `iptables`.
 */
export async function openVanishingNetwork(): Promise<VanishingNetwork> {
  const id = `${process.pid}`.slice(-6);
  const [space, here, there] = [`stoa${id}`, `stoah${id}`, `stoat${id}`];
  const [outside, inside] = ['10.198.77.1', '10.198.77.2'];
  const enter = ['ip', 'netns', 'exec', space];
  const redirections = [
    ['PREROUTING', '-i', here, '-p', 'tcp', '-j', 'DNAT', '--to-destination', '127.0.0.1'],
    ['INPUT', '-s', inside, '-p', 'tcp', '-j', 'SNAT', '--to-source', '127.0.0.1'],
  ];
  const ip = (command: string) => run('ip', command.split(' '));
  const stack = new AsyncDisposableStack();
  try {
    await ip(`netns add ${space}`);
    stack.defer(() => ip(`netns del ${space}`).then(() => {}));
    await ip(`link add ${here} type veth peer name ${there}`);
    stack.defer(() => ip(`link del ${here}`).then(() => {}));
    await ip(`link set ${there} netns ${space}`);
    await ip(`addr add ${outside}/30 dev ${here}`);
    await ip(`link set ${here} up`);
    for (const command of [`addr add ${inside}/30 dev ${there}`, `link set ${there} up`, 'link set lo up'])
      await ip(`-n ${space} ${command}`);
    await run('sysctl', ['-qw', `net.ipv4.conf.${here}.route_localnet=1`]);
    for (const rule of redirections) {
      await run('iptables', ['-w', '-t', 'nat', '-A', ...rule]);
      stack.defer(() => run('iptables', ['-w', '-t', 'nat', '-D', ...rule]).then(() => {}));
    }
  } catch (error) {
    await stack.disposeAsync();
    throw new Error('a network that vanishes needs root, `ip` and `iptables`', { cause: error });
  }
  return {
    outside,
    inside,
    enter,
    async vanish() {
      await ip(`neigh replace ${inside} lladdr ${NOBODY} dev ${here} nud permanent`);
      await ip(`-n ${space} neigh replace ${outside} lladdr ${NOBODY} dev ${there} nud permanent`);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
