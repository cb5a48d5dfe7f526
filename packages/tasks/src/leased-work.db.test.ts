import { leasedWorkContract } from './testing/leased-work-contract.ts';
import { tasksUnderContract } from './testing/tasks-under-contract.ts';

leasedWorkContract('tasks', tasksUnderContract);
