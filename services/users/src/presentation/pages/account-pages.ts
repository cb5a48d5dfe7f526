import type { AccountPage, Ending } from './account-page.ts';

const NEW_LINK = { path: '/account/forgot-password', name: 'Ask for a new link' };

const incomplete: Ending = {
  title: 'This link is not complete',
  text: 'Open the link in the mail once more, or copy all of it into the address bar. A link works once, so this page forgets it when it is loaded again.',
};

/** Every page for people, in their own words; developers who use the API read /docs. */
export const accountPages: readonly AccountPage[] = [
  {
    path: '/account/forgot-password',
    title: 'Forgot your password?',
    lead: 'Tell us the address of your account. We mail you a link to choose a new one.',
    api: '/v1/password-resets',
    fields: ['email'],
    button: 'Mail me a link',
    endings: {
      done: {
        title: 'Look into your mail',
        text: 'If there is an account for [email], a mail with a link is on its way. The link works for 30 minutes. No mail after a few minutes? Look into the spam folder, and check the address.',
        next: { path: '/account/forgot-password', name: 'Try another address' },
      },
    },
  },
  {
    path: '/account/reset-password',
    title: 'Choose a new password',
    lead: 'It takes the place of the old one, and logs you out everywhere.',
    api: '/v1/password-resets/confirm',
    secret: 'token',
    fields: ['username', 'new-password'],
    button: 'Set the new password',
    endings: {
      done: {
        title: 'Your new password is set',
        text: 'You are logged out everywhere. Log in with the new password; this page can be closed.',
      },
      incomplete: { ...incomplete, next: NEW_LINK },
      link_expired: { title: 'This link has expired', text: 'Your password is as it was. A link works for 30 minutes.', next: NEW_LINK },
      link_invalid: {
        title: 'This link does not work any more',
        text: 'It was used before, or a newer mail has taken its place. If you have just set your password, log in with it.',
        next: NEW_LINK,
      },
    },
  },
  {
    path: '/account/set-password',
    title: 'Choose your password',
    lead: 'An account was made for you. With a password it is yours.',
    api: '/v1/password-resets/confirm',
    secret: 'token',
    fields: ['username', 'new-password'],
    button: 'Set the password',
    endings: {
      done: { title: 'Your account is ready', text: 'Log in with your e-mail address and this password; this page can be closed.' },
      incomplete: { ...incomplete, next: NEW_LINK },
      link_expired: {
        title: 'This link has expired',
        text: 'A link works for 24 hours. Another one is mailed to you at once.',
        next: NEW_LINK,
      },
      link_invalid: {
        title: 'This link does not work any more',
        text: 'It was used before, or a newer mail has taken its place. If you have just set your password, log in with it.',
        next: NEW_LINK,
      },
    },
  },
  {
    path: '/account/confirm-email',
    title: 'Confirm your e-mail address',
    lead: 'From then on you log in with it, and mails of your account go there.',
    api: '/v1/email-confirmations',
    secret: 'token',
    fields: [],
    button: 'Confirm this address',
    endings: {
      done: { title: 'Your new address is confirmed', text: 'It is the address of your account now; this page can be closed.' },
      incomplete,
      link_expired: {
        title: 'This link has expired',
        text: 'Your account keeps the address it had. A link works for 24 hours: change the address in your profile once more, and a new mail comes.',
      },
      link_invalid: {
        title: 'This link does not work any more',
        text: 'It was used before, or the address was changed once more since. Look into your profile; if the address there is not the new one, change it again, and a new mail comes.',
      },
      email_taken: {
        title: 'This address belongs to another account',
        text: 'Somebody has registered it since. Your account keeps the address it had; choose another one in your profile.',
      },
    },
  },
  {
    path: '/setup',
    title: 'Set up Stoa',
    lead: 'Make the account of the first administrator.',
    api: '/v1/setup',
    secret: 'code',
    fields: ['new-email', 'full-name', 'new-password'],
    button: 'Make the administrator',
    endings: {
      done: {
        title: 'Stoa is set up',
        text: 'You are its administrator. Log in with [email] and your password: `POST /v1/sessions`.',
        next: { path: '/docs', name: 'Open the API' },
      },
      incomplete: {
        title: 'This set-up link is not complete',
        text: 'Stoa prints it in the terminal at each start, as long as there is no administrator: copy all of it, up to the end of its line.',
      },
      setup_code_invalid: {
        title: 'This set-up link does not work any more',
        text: 'A link works for 24 hours. Restart Stoa, and open the link that it prints then.',
      },
      already_set_up: {
        title: 'Stoa is set up already',
        text: 'There is an administrator, who can make others administrators too.',
        next: { path: '/', name: 'To Stoa' },
      },
    },
  },
];
