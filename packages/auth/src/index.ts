export { type Access, bearerToken, installAccess, type RouteAccess } from './access.ts';
export {
  CLOCK_TOLERANCE_SECONDS,
  type NewToken,
  type PublicKey,
  signAccessToken,
  type TokenSigningKey,
} from './access-tokens.ts';
export { askUsers } from './ask-users.ts';
export { type BasicCredentials, basicChallenge, parseBasic } from './basic.ts';
export { authErrors } from './errors.ts';
export { createForwarding, FORWARDED_HEADER } from './forwarded.ts';
export { API_KEY_PREFIX, createIdentity, type Identity, type IdentityOptions } from './identity.ts';
export { CURSOR_MAX_LENGTH, HOLD_SECONDS, IdentityAnswer, IdentityQuestion, type IdentityState, type Revocation } from './identity-feed.ts';
export {
  type Actor,
  actorOf,
  type Caller,
  callerOf,
  type Principal,
  principalOf,
  requirePermission,
  type ServiceAccountPrincipal,
  type ServicePrincipal,
  tokenInvalid,
  type UserPrincipal,
  userOf,
} from './principal.ts';
export { serviceCredential, verifyServiceCredential } from './service-credential.ts';
export { generateSigningKey, openSigningKey } from './signing-keys.ts';
