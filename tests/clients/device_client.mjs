// A device's login, as the npm package openid-client sees it: discovery, device authorization, polling
// until a person has typed the code, ID token validation, userinfo, refresh. One JSON line out.
//
// ISSUER CLIENT_ID CLIENT_SECRET (empty: public) LOGIN PASSWORD  optional: SCOPE  CONNECTOR  HOSTS

import { logIn, report, required } from './agent.mjs';
import * as oidc from 'openid-client';

await report('openid-client', async () => {
  const secret = process.env.CLIENT_SECRET ?? '';
  const config = await oidc.discovery(
    new URL(required('ISSUER')),
    required('CLIENT_ID'),
    {},
    secret ? oidc.ClientSecretBasic(secret) : oidc.None(),
    { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] },
  );
  const scope = process.env.SCOPE ?? 'openid profile email offline_access';
  const codes = await oidc.initiateDeviceAuthorization(config, { scope });
  const { steps } = await logIn(codes.verification_uri_complete, {
    done: 'device-answer',
    login: process.env.LOGIN ?? '',
    password: process.env.PASSWORD ?? '',
    connector: process.env.CONNECTOR,
  });
  const tokens = await oidc.pollDeviceAuthorizationGrant(config, codes);
  const claims = tokens.claims();
  const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
  const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  return {
    issuer: config.serverMetadata().issuer,
    codes: { ...codes, device_code: null },
    claims,
    userinfo,
    steps,
    refreshed: refreshed.access_token !== undefined,
  };
});
