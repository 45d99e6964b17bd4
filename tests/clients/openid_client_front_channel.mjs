// Tokens from the authorization endpoint, as the npm package openid-client sees them: an implicit
// login, a hybrid one, one whose request is a signed JWT, introspection in both forms, revocation.
// One JSON line out.
//
// ISSUER CLIENT_ID CLIENT_SECRET REDIRECT_URI CONNECTOR INTROSPECTION_ALG
// SIGNER_ID SIGNER_SECRET SIGNER_REDIRECT_URI SIGNER_JWK: a client that signs its requests

import { logIn, report, required } from './agent.mjs';
import * as oidc from 'openid-client';

const issuer = new URL(required('ISSUER'));
const options = { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] };
const person = { login: '', password: '', connector: required('CONNECTOR') };

function client(metadata = {}) {
  const secret = oidc.ClientSecretBasic(required('CLIENT_SECRET'));
  return oidc.discovery(issuer, required('CLIENT_ID'), metadata, secret, options);
}

await report('openid-client', async () => {
  const redirectUri = required('REDIRECT_URI');
  const asked = () => ({
    redirect_uri: redirectUri,
    scope: 'openid profile email',
    state: oidc.randomState(),
    nonce: oidc.randomNonce(),
  });

  const implicit = await client();
  oidc.useIdTokenResponseType(implicit);
  const first = asked();
  const implicitBack = await logIn(oidc.buildAuthorizationUrl(implicit, first), { redirectUri, ...person });
  const claims = await oidc.implicitAuthentication(implicit, implicitBack.url, first.nonce, {
    expectedState: first.state,
  });

  const hybrid = await client();
  oidc.useCodeIdTokenResponseType(hybrid);
  const second = asked();
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const hybridUrl = oidc.buildAuthorizationUrl(hybrid, {
    ...second,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  });
  const hybridBack = await logIn(hybridUrl, { redirectUri, ...person });
  const tokens = await oidc.authorizationCodeGrant(hybrid, hybridBack.url, {
    pkceCodeVerifier,
    expectedState: second.state,
    expectedNonce: second.nonce,
  });

  const introspection = await oidc.tokenIntrospection(hybrid, tokens.access_token);
  const signing = await client({ introspection_signed_response_alg: required('INTROSPECTION_ALG') });
  const signedIntrospection = await oidc.tokenIntrospection(signing, tokens.access_token);
  await oidc.tokenRevocation(hybrid, tokens.access_token);
  const afterRevocation = await oidc.tokenIntrospection(signing, tokens.access_token);

  const signer = await oidc.discovery(
    issuer,
    required('SIGNER_ID'),
    {},
    oidc.ClientSecretBasic(required('SIGNER_SECRET')),
    options,
  );
  const jwk = JSON.parse(required('SIGNER_JWK'));
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const key = await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']);
  const third = { ...asked(), redirect_uri: required('SIGNER_REDIRECT_URI') };
  const verifier = oidc.randomPKCECodeVerifier();
  const signedUrl = await oidc.buildAuthorizationUrlWithJAR(
    signer,
    {
      ...third,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      claims: JSON.stringify({ id_token: { name: null } }),
    },
    { key, kid: jwk.kid },
  );
  const signedBack = await logIn(signedUrl, { redirectUri: third.redirect_uri, ...person });
  const ofSigned = await oidc.authorizationCodeGrant(signer, signedBack.url, {
    pkceCodeVerifier: verifier,
    expectedState: third.state,
    expectedNonce: third.nonce,
  });

  return {
    implicit: claims,
    hybrid: tokens.claims(),
    signed_url_parameters: [...signedUrl.searchParams.keys()].sort(),
    signed: ofSigned.claims(),
    introspection,
    signed_introspection: signedIntrospection,
    after_revocation: afterRevocation,
  };
});
