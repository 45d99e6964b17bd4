// A token of a client itself, as the npm package openid-client asks for it. One JSON line out.
//
// ISSUER CLIENT_ID CLIENT_SECRET
// optional: SCOPE  RESOURCE

import { report, required } from './agent.mjs';
import * as oidc from 'openid-client';

await report('openid-client', async () => {
  const config = await oidc.discovery(
    new URL(required('ISSUER')),
    required('CLIENT_ID'),
    {},
    oidc.ClientSecretBasic(required('CLIENT_SECRET')),
    { execute: [oidc.allowInsecureRequests] },
  );
  const asked = {
    ...(process.env.SCOPE && { scope: process.env.SCOPE }),
    ...(process.env.RESOURCE && { resource: process.env.RESOURCE }),
  };
  const token = await oidc.clientCredentialsGrant(config, asked);
  let refused = null;
  try {
    await oidc.clientCredentialsGrant(config, { ...asked, resource: 'https://elsewhere.example' });
  } catch (error) {
    refused = error.error;
  }
  return { token, refused };
});
