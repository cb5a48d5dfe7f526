import { leasedWorkContract } from '@stoa/tasks/testing';
import { mailsUnderContract } from '../testing/mails-under-contract.ts';

leasedWorkContract('mails', mailsUnderContract);
