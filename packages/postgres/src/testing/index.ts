export { createStatementNames } from '../statement-names.ts';
export { databaseFolder } from './database-folder.ts';
export { noteStatements, type PlanNode, plansOf } from './plans-of.ts';
export { beforeDrop, type TestDatabase, type TestDatabaseOptions, testDatabase } from './test-database.ts';
export { startTestServer } from './test-server.ts';
