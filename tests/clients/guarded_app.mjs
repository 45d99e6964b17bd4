// A person at Chromium who opens an app that something else guards. One JSON line out.
//
// INSULA_TEST_CHROMIUM  START: where the person goes  END: where the app is

import { report, required } from './agent.mjs';
import { answerUntil, withPage } from './browser.mjs';

await report('guarded app', () =>
  withPage(async (page) => {
    let status;
    page.on('response', (response) => {
      if (response.url().split(/[?#]/)[0] === required('END')) status = response.status();
    });
    await page.goto(required('START'));
    const pressed = await answerUntil(page, required('END'));
    return { pressed, status, body: await page.locator('body').innerText() };
  }),
);
