// A single-page app with the npm package oidc-client-ts, in Chromium, from an origin of its own.
//
// Discovery, code flow with PKCE, userinfo, refresh and, where it is offered, revocation and
// logout: all but the login itself are requests of a script to another origin. One JSON line out.
//
// INSULA_TEST_CHROMIUM  ISSUER  CLIENT_ID  REDIRECT_URI (http://NAME.localhost:PORT/callback)
// optional: SCOPE

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { report, required } from './agent.mjs';
import { answerUntil, withPage } from './browser.mjs';

const PACKAGE = dirname(createRequire(import.meta.url).resolve('oidc-client-ts/package.json'));

const settings = () => ({
  authority: required('ISSUER'),
  client_id: required('CLIENT_ID'),
  redirect_uri: required('REDIRECT_URI'),
  post_logout_redirect_uri: new URL('/', required('REDIRECT_URI')).href,
  scope: process.env.SCOPE ?? 'openid profile email offline_access',
  loadUserInfo: true,
  filterProtocolClaims: false,
  revokeTokensOnSignout: true,
  automaticSilentRenew: false,
});

/** Every page of the app is the same page. */
async function serveApp() {
  const library = await readFile(join(PACKAGE, 'dist/browser/oidc-client-ts.min.js'));
  const html = `<!doctype html><title>app</title><script src="/oidc-client-ts.js"></script>
<script>window.manager = new oidc.UserManager(${JSON.stringify(settings())});</script>`;
  const server = createServer((request, response) => {
    const isLibrary = request.url === '/oidc-client-ts.js';
    response.setHeader('content-type', isLibrary ? 'text/javascript' : 'text/html');
    response.end(isLibrary ? library : html);
  });
  const port = Number(new URL(required('REDIRECT_URI')).port);
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return server;
}

async function life(page) {
  const home = new URL('/', required('REDIRECT_URI')).href;
  const asked = [];
  page.on('response', (response) => {
    if (response.request().resourceType() !== 'fetch') return;
    const { pathname } = new URL(response.url());
    asked.push(`${response.request().method()} ${pathname} ${response.status()}`);
  });

  await page.goto(home);
  await page.evaluate(() => void window.manager.signinRedirect());
  const pressed = await answerUntil(page, required('REDIRECT_URI'));
  const user = await page.evaluate(async () => {
    const { profile, access_token } = await window.manager.signinCallback();
    return { profile, access_token };
  });
  const renewed = await page.evaluate(async () => {
    const { profile, access_token } = await window.manager.signinSilent();
    return { profile, access_token };
  });
  const canLogOut = await page.evaluate(async () => Boolean(await window.manager.metadataService.getEndSessionEndpoint()));
  if (canLogOut) {
    await page.evaluate(() => void window.manager.signoutRedirect());
    pressed.push(...(await answerUntil(page, home)));
  }
  const remembered = await page.evaluate(() => window.manager.getUser());
  return {
    profile: user.profile,
    renewed: renewed.profile,
    rotated: renewed.access_token !== user.access_token,
    logged_out: canLogOut && remembered === null,
    pressed,
    asked,
  };
}

await report('oidc-client-ts', async () => {
  const server = await serveApp();
  try {
    return await withPage(life);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
