import { createCursors } from '@stoa/http';
import { createService, type ServiceDeps } from '@stoa/kit';
import type { Service } from '@stoa/service';
import { type MailerConfig, senderDomain } from './config.ts';
import { mailerErrors } from './errors.ts';
import { createMailbox } from './mailbox/create-mailbox.ts';
import { createCleanUp } from './mails/clean-up.ts';
import { mailsRoutes } from './mails/mails.routes.ts';
import { createResendMail } from './mails/resend-mail.ts';
import { createMailerMetrics } from './metrics.ts';
import { onAccountLinkRequested } from './on-account-link-requested.ts';
import { onAccountNoticeRequested } from './on-account-notice-requested.ts';
import { onActivationRequested } from './on-activation-requested.ts';
import { onUserDeleted } from './on-user-deleted.ts';
import { createRenderer } from './render.ts';
import { sendMails } from './sending/send-mails.ts';
import type { MailerTables } from './tables.ts';

const description = {
  name: 'mailer',
  title: 'Stoa mailer',
  description: 'Sends the mails that other services ask for by their events, and keeps the local mailbox.',
  version: '1.0.0',
  errors: mailerErrors.catalogue,
  tags: { mails: 'Every mail, its state and its attempts.', mailbox: 'The mails that stayed on this machine (`MAIL_URL=mailbox:`).' },
};

/** The whole service: an event comes in, a row waits in `mails`, a sender takes it to the transport. */
export const createMailer = (deps: ServiceDeps<MailerConfig, MailerTables>): Promise<Service> =>
  createService(deps, description, (context) => {
    const { config, database, log, metrics, derive, runsBackgroundWork } = context;
    const [render, domain] = [createRenderer(config.PUBLIC_URL), senderDomain(config)];
    const queueing = { database, render, domain };
    const mailbox = config.MAIL_URL === 'mailbox:' ? createMailbox(context) : undefined;
    const sending = sendMails(context, { render, mailbox, metrics: createMailerMetrics(metrics, database) });
    const cleanUp = createCleanUp({ retentionDays: config.MAIL_RETENTION_DAYS });
    return {
      consumers: [onActivationRequested(queueing), onAccountLinkRequested(queueing), onAccountNoticeRequested(queueing), onUserDeleted()],
      jobs: [cleanUp],
      crons: [{ job: cleanUp.name, everySeconds: 60 }],
      parts: [...(mailbox ? [mailbox] : []), ...(runsBackgroundWork ? [sending] : [])],
      routes(http) {
        mailsRoutes(http, { query: database.query, cursors: createCursors(derive), resendMail: createResendMail(database, domain, log) });
        mailbox?.routes(http);
      },
    };
  });
