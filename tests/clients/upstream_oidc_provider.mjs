// An OpenID Provider that nobody here wrote, as an upstream: `oidc-provider` of npm. Everybody who comes
// is Kim and allows everything. `POST /test/groups` gives her other groups, `POST /test/gone` removes her.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const port = Number(process.env.PORT);
const clients = JSON.parse(process.env.CLIENTS);
let groups = ['staff'];
let isGone = false;

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients,
  scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'],
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username'],
    email: ['email', 'email_verified'],
    groups: ['groups'],
  },
  // What a scope brings stands in the ID token, too.
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  cookies: { keys: ['a key of this test'] },
  findAccount: (_ctx, id) =>
    isGone
      ? undefined
      : {
          accountId: id,
          claims: () => ({
            sub: id,
            name: 'Kim Lee',
            preferred_username: 'kim',
            email: 'kim@idp.test',
            email_verified: true,
            groups,
          }),
        },
});

async function interact(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  let result;
  if (prompt.name === 'login') {
    result = { login: { accountId: 'kim-1' } };
  } else {
    const known = grantId && (await provider.Grant.find(grantId));
    const grant =
      known || new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    result = { consent: { grantId: await grant.save() } };
  }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

async function body(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

const answer = provider.callback();
createServer(async (request, response) => {
  if (request.url.startsWith('/interaction/')) {
    await interact(request, response);
  } else if (request.url === '/test/groups') {
    groups = (await body(request)).split(',');
    response.end();
  } else if (request.url === '/test/gone') {
    isGone = true;
    response.end();
  } else {
    await answer(request, response);
  }
}).listen(port, '127.0.0.1', () => console.log('listening'));
