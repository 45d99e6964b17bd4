// The pages of one login, and those around it, judged by axe. One JSON line out.
//
// INSULA_TEST_CHROMIUM  AUTHORIZATION_URL  ERROR_URL  LOGOUT_URL  LOGIN  PASSWORD  CONNECTOR
// CODE_URL  CODE_LOGIN: a login whose code is shown, at a tenant with the same connector
// optional: SHOTS_DIR, for a picture of each page
//
// AUTHORIZATION_URL must lead to the chooser and, after the login, to consent. Every page is judged
// in light and dark, as wide as a desk and as a phone.

import { required } from './agent.mjs';
import { open, walkInEveryLook } from './axe.mjs';

/** Walks the login once in one look. */
async function walk(browser, look, found) {
  const { context, see: seeIn } = await open(browser, look, found);
  let page = await context.newPage();
  const press = async (selector) => {
    await page.locator(selector).first().click();
    await page.waitForLoadState('load');
  };
  const see = (name, selector) => seeIn(page, name, selector);

  await page.goto(required('AUTHORIZATION_URL'));
  await see('chooser', '[id^="connector-"]');
  await press(`#connector-${required('CONNECTOR')}`);
  await see('password', '#password');
  await page.fill('#login', required('LOGIN'));
  await page.fill('#password', 'not the password');
  await press('#submit-login');
  await see('password-error', '#password');
  await page.fill('#login', required('LOGIN'));
  await page.fill('#password', required('PASSWORD'));
  await press('#submit-login');
  await see('consent', '#submit-approve');
  // A session begins with the answer to the client, whose host is not on this machine.
  const answered = page.waitForResponse((response) => response.request().method() === 'POST');
  await page.locator('#submit-approve').first().click();
  await answered;
  await page.close();
  page = await context.newPage();
  await page.goto(required('ERROR_URL'));
  await see('error', '#error-title');
  await page.goto(required('LOGOUT_URL'));
  await see('logout', '#submit-logout');
  await press('#submit-logout');
  await see('logged-out', 'h1');
  await page.goto(required('CODE_URL'));
  await press(`#connector-${required('CONNECTOR')}`);
  await page.fill('#login', required('CODE_LOGIN'));
  await page.fill('#password', required('PASSWORD'));
  await press('#submit-login');
  await press('#submit-approve');
  await see('code', '#code');
  await page.goBack();
  await see('finished', '#error-title');
  await context.close();
}

await walkInEveryLook(walk);
