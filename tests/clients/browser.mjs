// A person at Chromium who answers what a login asks, for clients that are real and listen
// somewhere themselves.
//
// INSULA_TEST_CHROMIUM

import { required } from './agent.mjs';
import { chromium } from 'playwright-core';

const PATIENCE_MS = 20_000;
const MOST_PAGES = 12;

// Names under .localhost lead to loopback; nothing else resolves, so nothing leaves the machine.
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP *.localhost 127.0.0.1, MAP localhost 127.0.0.1, MAP 127.0.0.1 127.0.0.1, MAP * ~NOTFOUND',
];

const BUTTONS = ['submit-approve', 'submit-logout', 'submit-continue'];

/** Opens a browser with one page, has `work` use it, and fails if the page complained. */
export async function withPage(work) {
  const browser = await chromium.launch({
    executablePath: required('INSULA_TEST_CHROMIUM'),
    headless: true,
    args: FLAGS,
  });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const complaints = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.route('**/favicon.ico', (route) => route.fulfill({ status: 204 }));
    const outcome = await work(page).catch((error) => {
      error.message += ` (at ${page.url()}; the browser said: ${complaints.join(' | ')})`;
      throw error;
    });
    if (complaints.length > 0) throw new Error(`the browser complained: ${complaints.join(' | ')}`);
    return outcome;
  } finally {
    await browser.close();
  }
}

/** Presses the buttons of the pages that come, until the browser is at `end`; answers which. */
export async function answerUntil(page, end) {
  const pressed = [];
  const isThere = (url) => url.href.split(/[?#]/)[0] === end;
  const button = page.locator(BUTTONS.map((id) => `#${id}`).join(', ')).first();
  for (let n = 0; n < MOST_PAGES; n += 1) {
    await Promise.race([page.waitForURL(isThere), button.waitFor()]);
    const from = page.url();
    if (isThere(new URL(from))) return pressed;
    pressed.push(await button.getAttribute('id'));
    await button.click();
    await page.waitForURL((url) => url.href !== from);
  }
  throw new Error(`not at ${end} after ${pressed.join(', ')}`);
}
