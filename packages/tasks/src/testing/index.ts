export { type LeasedWorkUnderTest, leasedWorkContract, type WorkerSettings } from './leased-work-contract.ts';
