// The pages of one login, and those around it, judged by axe. One JSON line out.
//
// INSULA_TEST_CHROMIUM  AUTHORIZATION_URL  ERROR_URL  LOGOUT_URL  LOGIN  PASSWORD  CONNECTOR
// CODE_URL  CODE_LOGIN: a login whose code is shown, at a tenant with the same connector
// optional: SHOTS_DIR, for a picture of each page
//
// AUTHORIZATION_URL must lead to the chooser and, after the login, to consent. Every page is judged
// in light and dark, as wide as a desk and as a phone.

import { createRequire } from 'node:module';

import { report, required } from './agent.mjs';
import { chromium } from 'playwright-core';

const PATIENCE_MS = 20_000;
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

const LOOKS = [
  { scheme: 'light', width: 1280, height: 900 },
  { scheme: 'dark', width: 1280, height: 900 },
  { scheme: 'light', width: 360, height: 740 },
  { scheme: 'dark', width: 360, height: 740 },
];

// WCAG 2.2 AA, and what axe holds to be good practice.
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];

// Nothing leaves the machine, whatever a page may ask for.
const RESOLVER_RULES = 'MAP *.localhost 127.0.0.1, MAP localhost 127.0.0.1, MAP 127.0.0.1 127.0.0.1, MAP * ~NOTFOUND';

async function contrastWithoutPictures(page) {
  return page.evaluate(async () => {
    const plain = new CSSStyleSheet();
    plain.replaceSync('*, *::before, *::after { background-image: none !important; }');
    document.adoptedStyleSheets = [plain];
    const { violations, incomplete } = await window.axe.run(document, { runOnly: { type: 'rule', values: ['color-contrast'] } });
    document.adoptedStyleSheets = [];
    return [...violations, ...incomplete].flatMap((result) => result.nodes);
  });
}

/** What axe and the eye of a keyboard find wrong with the page as it stands. */
async function judge(page, name, look, found) {
  const where = `${name} ${look.scheme} ${look.width}`;
  const results = await page.evaluate(
    (rules) => window.axe.run(document, { runOnly: rules, resultTypes: ['violations', 'incomplete'] }),
    RULES,
  );
  for (const violation of results.violations) {
    const nodes = violation.nodes.map((node) => `${node.target.join(' ')}: ${node.failureSummary}`);
    found.violations.push({ where, rule: violation.id, help: violation.help, nodes });
  }
  for (const doubt of results.incomplete) {
    // Axe does not look at pictures: behind them is the colour that counts where they end.
    const unclear = doubt.id === 'color-contrast' ? await contrastWithoutPictures(page) : doubt.nodes;
    if (unclear.length === 0) continue;
    found.doubts.push({ where, rule: doubt.id, nodes: unclear.map((node) => node.target.join(' ')) });
  }
  // Reflow (WCAG 1.4.10): nothing to scroll sideways for.
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  if (overflow > 0) found.violations.push({ where, rule: 'reflow', help: `${overflow}px too wide`, nodes: [] });
  // Target size (WCAG 2.5.8): 24 by 24, but for links within a sentence.
  const small = await page.evaluate(() =>
    [...document.querySelectorAll('button, a.button, input:not([type=hidden]), .button, nav a')]
      .map((element) => ({ box: element.getBoundingClientRect(), id: element.id || element.outerHTML.slice(0, 60) }))
      .filter(({ box }) => box.width > 0 && (box.width < 24 || box.height < 24))
      .map(({ id }) => id),
  );
  if (small.length > 0) found.violations.push({ where, rule: 'target-size', help: 'too small', nodes: small });
  found.pages.push({ where, passed: results.passes.length });
}

/** Walks the login once in one look. */
async function walk(browser, look, found) {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    colorScheme: look.scheme,
    reducedMotion: 'reduce',
  });
  await context.addInitScript({ path: AXE });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.route('**/favicon.ico', (route) => route.fulfill({ status: 204 }));
  let page = await context.newPage();
  const press = async (selector) => {
    await page.locator(selector).first().click();
    await page.waitForLoadState('load');
  };
  const see = async (name, selector) => {
    await page.locator(selector).first().waitFor();
    const shots = process.env.SHOTS_DIR;
    if (shots) await page.screenshot({ path: `${shots}/${name}-${look.scheme}-${look.width}.png`, fullPage: true });
    await judge(page, name, look, found);
  };

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

await report('axe', async () => {
  const browser = await chromium.launch({
    executablePath: required('INSULA_TEST_CHROMIUM'),
    headless: true,
    args: [...FLAGS, `--host-resolver-rules=${RESOLVER_RULES}`],
  });
  const found = { pages: [], violations: [], doubts: [] };
  try {
    for (const look of LOOKS) await walk(browser, look, found);
  } finally {
    await browser.close();
  }
  return found;
});
