// The page that asks for a mail address, and the choice behind it, judged by axe. One JSON line out.
//
// INSULA_TEST_CHROMIUM  AUTHORIZATION_URL  HINTED_URL: logs in at once  BROKEN_URL: a choice with a
// connector that is out of order
// optional: SHOTS_DIR, for a picture of each page

import { required } from './agent.mjs';
import { open, walkInEveryLook } from './axe.mjs';

/** Walks the pages once in one look. */
async function walk(browser, look, found) {
  const { context, see } = await open(browser, look, found);
  // So that the browser knows a way it came in by. The client's host is not on this machine.
  const first = await context.newPage();
  await first.goto(required('HINTED_URL')).catch(() => undefined);
  await first.close();
  const page = await context.newPage();
  await page.goto(`${required('AUTHORIZATION_URL')}&prompt=select_account`);
  await page.locator('.badge').waitFor();
  await see(page, 'address', '#login');
  await page.fill('#login', 'jane');
  await page.press('#login', 'Enter');
  await see(page, 'address-error', '#error-summary');
  await page.fill('#login', 'jane@home.example');
  await page.press('#login', 'Enter');
  await see(page, 'other-ways', '#connector-guest');
  await page.goto(required('BROKEN_URL'));
  await see(page, 'unavailable', '[aria-disabled=true]');
  await context.close();
}

await walkInEveryLook(walk);
