// The whole life of a login, as the npm package openid-client sees it: discovery, code flow with
// PKCE, state and nonce, ID token validation, userinfo, refresh, revocation. One JSON line out.
//
// ISSUER CLIENT_ID CLIENT_SECRET (empty: public) REDIRECT_URI LOGIN PASSWORD
// optional: CLIENT_AUTH=basic|post|none  SCOPE  CLAIMS  CONNECTOR  HOSTS

import { logIn, report, required } from './agent.mjs';
import * as oidc from 'openid-client';

function authentication(secret) {
  switch (process.env.CLIENT_AUTH ?? (secret ? 'basic' : 'none')) {
    case 'basic':
      return oidc.ClientSecretBasic(secret);
    case 'post':
      return oidc.ClientSecretPost(secret);
    default:
      return oidc.None();
  }
}

/** The OAuth error code that `work` is refused with, or null. */
async function refusal(work) {
  try {
    await work();
    return null;
  } catch (error) {
    return error.error ?? error.code ?? error.message;
  }
}

await report('openid-client', async () => {
  const secret = process.env.CLIENT_SECRET ?? '';
  const redirectUri = required('REDIRECT_URI');
  const scope = process.env.SCOPE ?? 'openid profile email offline_access';

  const config = await oidc.discovery(
    new URL(required('ISSUER')),
    required('CLIENT_ID'),
    {},
    authentication(secret),
    // Without the second, the package trusts TLS for what comes from the token endpoint and does
    // not look at the signature.
    { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] },
  );

  const codeVerifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const nonce = oidc.randomNonce();
  const start = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope,
    state,
    nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: 'S256',
    ...(process.env.CLAIMS && { claims: process.env.CLAIMS }),
  });
  const back = await logIn(start, {
    redirectUri,
    login: process.env.LOGIN ?? '',
    password: process.env.PASSWORD ?? '',
    connector: process.env.CONNECTOR,
  });

  const checks = {
    pkceCodeVerifier: codeVerifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  };
  const tokens = await oidc.authorizationCodeGrant(config, back.url, checks);
  const claims = tokens.claims();
  const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);

  const result = {
    issuer: config.serverMetadata().issuer,
    claims,
    token_type: tokens.token_type,
    scope: tokens.scope ?? null,
    expires_in: tokens.expires_in ?? null,
    iss_in_response: back.url.searchParams.get('iss'),
    userinfo,
    refreshed: false,
    revoked: false,
    steps: back.steps,
  };

  let last = tokens;
  if (tokens.refresh_token) {
    last = await oidc.refreshTokenGrant(config, tokens.refresh_token);
    result.refreshed = true;
    result.rotated = last.refresh_token !== undefined && last.refresh_token !== tokens.refresh_token;
    result.same_subject = (last.claims()?.sub ?? claims.sub) === claims.sub;
    result.refreshed_claims = last.claims() ?? null;
    result.refreshed_userinfo = await oidc.fetchUserInfo(config, last.access_token, claims.sub);
  }
  if (config.serverMetadata().revocation_endpoint) {
    const token = last.refresh_token ?? tokens.refresh_token ?? last.access_token;
    await oidc.tokenRevocation(config, token);
    result.revoked = true;
    if (tokens.refresh_token) {
      result.refresh_after_revocation = await refusal(() => oidc.refreshTokenGrant(config, token));
    }
  }
  return result;
});
