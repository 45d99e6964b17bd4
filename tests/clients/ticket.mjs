// A login in Chromium by the Kerberos ticket of the machine it runs on. One JSON line out: where the
// browser was sent at last, and what was typed: nothing.
//
// INSULA_TEST_CHROMIUM  LOGIN_URL  REDIRECT_URI  PROFILE  ALLOWED: the host that tickets are shown to

import { chromium } from 'playwright-core';

import { required } from './agent.mjs';

const context = await chromium.launchPersistentContext(required('PROFILE'), {
  executablePath: required('INSULA_TEST_CHROMIUM'),
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    `--auth-server-allowlist=${required('ALLOWED')}`,
  ],
});
try {
  const page = await context.newPage();
  const back = page.waitForRequest((request) => request.url().startsWith(required('REDIRECT_URI')), {
    timeout: 60_000,
  });
  // With the first page that asks for a ticket Chromium loads what makes one, and shows that page
  // meanwhile: the form. The page of the client is nowhere.
  for (let visits = 0; visits < 100; visits += 1) {
    await page.goto(required('LOGIN_URL')).catch(() => {});
    if (!page.url().includes('/login')) break;
  }
  const request = await back.catch(() => null);
  if (request) {
    console.log(JSON.stringify({ ok: true, url: request.url() }));
  } else {
    console.log(JSON.stringify({ ok: false, at: page.url(), title: await page.title() }));
  }
} finally {
  await context.close();
}
