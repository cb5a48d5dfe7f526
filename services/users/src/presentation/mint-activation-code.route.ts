import { Answer, type Http, problems, StrictObject } from '@stoa/http';
import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { MintActivationCode } from '../application/mint-activation-code.ts';
import { errors } from '../errors.ts';

const Body = named(
  'ActivationCodeRequest',
  StrictObject(
    { requestId: Type.String({ format: 'uuid', description: 'From `activation-requested`.' }) },
    { examples: [{ requestId: '0199d3a0-0000-7000-8000-000000000001' }] },
  ),
);

const Code = named(
  'ActivationCode',
  Type.Object({ code: Type.String({ examples: ['1234'] }), expiresInSeconds: Type.Integer({ examples: [60] }) }),
);

/** For the sender of the mail, at the moment it leaves. The gateway routes nothing below /internal/. */
export function mintActivationCodeRoute(http: Http, mintActivationCode: MintActivationCode): void {
  http.post(
    '/internal/activation-codes',
    {
      config: { access: 'service' },
      schema: {
        tags: ['internal'],
        operationId: 'mintActivationCode',
        summary: 'Make the code of a request, which starts its life',
        description: 'A repeat gives the same code. Needs the credential of a service of Stoa itself.',
        body: Body,
        response: {
          200: Answer('The code to mail.', Code),
          ...problems(errors, 'activation_request_gone', 'codes_unavailable'),
        },
      },
    },
    async (request) => await mintActivationCode(request.body.requestId),
  );
}
