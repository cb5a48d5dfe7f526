/** What the server may use; the budget of connections is in packages/postgres/README.md. */
const SIZE = { max_connections: '100', shared_buffers: '64MB' };

/** Given to initdb, which otherwise tries several values out at the cost of a tenth of a second. */
export const INITIAL_SETTINGS = { ...SIZE, dynamic_shared_memory_type: process.platform === 'linux' ? 'posix' : 'sysv' };

/**
 * Given on the command line at every start. Durability (fsync, synchronous_commit, full_page_writes) stays as Postgres
 * has it: on. The rest keeps the server small and quiet.
 */
export const SETTINGS: Readonly<Record<string, string>> = {
  ...SIZE,
  listen_addresses: '127.0.0.1',
  // A socket's path must be shorter than 108 bytes, which a data folder's need not be.
  unix_socket_directories: '',
  max_wal_size: '512MB',
  // No helper processes for what a server this small does not need: three I/O workers, the logical replication launcher.
  io_method: 'sync',
  max_logical_replication_workers: '0',
  jit: 'off',
  huge_pages: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // LOG, FATAL and PANIC. A failed statement is reported to its caller; its text and keys may hold personal data.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
};
