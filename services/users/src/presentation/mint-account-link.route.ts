import { Answer, type Http, problems, StrictObject } from '@stoa/http';
import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { MintAccountLink } from '../application/mint-account-link.ts';
import { errors } from '../errors.ts';

const Body = named(
  'AccountLinkRequest',
  StrictObject(
    { requestId: Type.String({ format: 'uuid', description: 'From `account-link-requested`.' }) },
    { examples: [{ requestId: '0199d3a0-0000-7000-8000-000000000003' }] },
  ),
);

const Token = named(
  'AccountLinkToken',
  Type.Object({
    token: Type.String({ description: '43 characters of base64url.' }),
    expiresInSeconds: Type.Integer({ examples: [1_800] }),
  }),
);

/** For the sender of the mail, at the moment it leaves. The gateway routes nothing below /internal/. */
export function mintAccountLinkRoute(http: Http, mintAccountLink: MintAccountLink): void {
  http.post(
    '/internal/account-links',
    {
      config: { access: 'service' },
      schema: {
        tags: ['internal'],
        operationId: 'mintAccountLink',
        summary: 'Make the token of a link, which starts its life',
        description: 'A repeat gives the same token with a new life. Needs the credential of a service of Stoa itself.',
        body: Body,
        response: {
          200: Answer('The token to mail.', Token),
          ...problems(errors, 'account_link_gone'),
        },
      },
    },
    async (request) => await mintAccountLink(request.body.requestId),
  );
}
