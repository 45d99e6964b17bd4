// What judges pages with axe, for the scripts that walk to them.
//
// INSULA_TEST_CHROMIUM; optional: SHOTS_DIR, for a picture of each page

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

/** A page of a new browser window in one look, and what judges it. */
export async function open(browser, look, found) {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    colorScheme: look.scheme,
    reducedMotion: 'reduce',
  });
  await context.addInitScript({ path: AXE });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.route('**/favicon.ico', (route) => route.fulfill({ status: 204 }));
  const see = async (page, name, selector) => {
    await page.locator(selector).first().waitFor();
    const shots = process.env.SHOTS_DIR;
    if (shots) await page.screenshot({ path: `${shots}/${name}-${look.scheme}-${look.width}.png`, fullPage: true });
    await judge(page, name, look, found);
  };
  return { context, see };
}

/** Walks in every look, and reports what was found. */
export async function walkInEveryLook(walk) {
  await report('axe', async () => {
    const browser = await chromium.launch({
      executablePath: required('INSULA_TEST_CHROMIUM'),
      headless: true,
      args: [...FLAGS, `--host-resolver-rules=${RESOLVER_RULES}`],
    });
    const found = { pages: [], violations: [], doubts: [] };
    try {
      for (const [at, look] of LOOKS.entries()) await walk(browser, look, found, at);
    } finally {
      await browser.close();
    }
    return found;
  });
}
