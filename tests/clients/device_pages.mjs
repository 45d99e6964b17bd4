// The pages where the code of a device is typed, judged by axe. One JSON line out.
//
// INSULA_TEST_CHROMIUM  DEVICE_URL  LOGIN  PASSWORD  CONNECTOR
// USER_CODES: three for each look, separated by commas; the third of each has ended or was used
// optional: SHOTS_DIR, for a picture of each page
//

import { required } from './agent.mjs';
import { open, walkInEveryLook } from './axe.mjs';

async function walk(browser, look, found, at) {
  const [allowed, denied, used] = required('USER_CODES').split(',').slice(3 * at);
  const { context, see: seeIn } = await open(browser, look, found);
  const page = await context.newPage();
  const see = (name, selector) => seeIn(page, name, selector);
  const press = async (selector) => {
    await page.locator(selector).first().click();
    await page.waitForLoadState('load');
  };
  const url = required('DEVICE_URL');
  const type = async (code) => {
    await page.fill('#user_code', code);
    await press('#submit-device');
  };

  await page.goto(url);
  await see('device', '#user_code');
  await type('bbbb bbbb');
  await see('device-wrong', '#error-summary');
  await type(used);
  await see('device-expired', '#error-summary');
  await page.goto(`${url}?user_code=${denied}`);
  await see('device-confirm', '#user-code');
  await press('#submit-deny');
  await see('device-denied', '#device-answer');
  await page.goto(url);
  await type(allowed.toLowerCase());
  await press('#submit-approve');
  const way = page.locator(`#connector-${required('CONNECTOR')}`);
  if (await way.count()) await press(`#connector-${required('CONNECTOR')}`);
  await page.fill('#login', required('LOGIN'));
  await page.fill('#password', required('PASSWORD'));
  await press('#submit-login');
  await see('device-consent', '#submit-approve');
  await press('#submit-approve');
  await see('device-done', '#device-answer');
  await context.close();
}

await walkInEveryLook(walk);
