export { type BasicCredentials, basicChallenge, parseBasic } from './basic.ts';
export { authErrors, type Principal, requireService } from './require-service.ts';
export { serviceCredential, verifyServiceCredential } from './service-credential.ts';
