/** What the tags of the routes are about, in the order in which /docs shows them. */
export const tags = {
  users: 'Accounts: registration, activation, one’s own profile and password, and what administrators do with them.',
  sessions: 'Log in, refresh, see where you are logged in, log out.',
  roles: 'Roles, and the permissions that each one has.',
  'service accounts': 'Other back ends, and their API keys.',
  audit: 'Who did what to whom, and when.',
};
