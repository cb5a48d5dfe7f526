export { testDatabase, type TestDatabase, type TestDatabaseOptions } from './test-database.ts';
export { startTestServer } from './test-server.ts';
