// One login in a real browser. One JSON line out, a picture of each step beside it.
//
// INSULA_TEST_CHROMIUM  AUTHORIZATION_URL  REDIRECT_URI  LOGIN  PASSWORD  SHOTS_DIR
// optional: CONNECTOR  COLOR_SCHEME=light|dark  VIEWPORT=400x800  JAVASCRIPT=off
//
// Fails when the browser complains about anything: a content security policy that a page does not
// keep to is told on the console and nowhere else.

import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';

import { report, required } from './agent.mjs';
import { chromium } from 'playwright-core';

const PATIENCE_MS = 20_000;

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The client is not there: a listener of ours stands in for its redirect URI. */
async function listen(redirectUri) {
  let arrived;
  const back = new Promise((resolve) => (arrived = resolve));
  const server = createServer((request, response) => {
    const url = new URL(request.url, redirectUri).href;
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      if (url.split(/[?#]/)[0] === redirectUri) arrived({ url, method: request.method, body: body || null });
      response.setHeader('content-type', 'text/html');
      response.end('<title>back</title><link rel="icon" href="data:,"><p>back at the client</p>');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { back, port: server.address().port, close: () => server.close() };
}

/** Leads the redirect URI to the listener and `.localhost` to loopback; nothing else resolves, so
 * nothing leaves the machine, whatever a page may ask for. */
function resolverRules(redirectUri, port) {
  const client = new URL(redirectUri);
  return [
    `MAP ${client.hostname}:${client.port || 80} 127.0.0.1:${port}`,
    'MAP *.localhost 127.0.0.1',
    'MAP localhost 127.0.0.1',
    'MAP 127.0.0.1 127.0.0.1',
    'MAP * ~NOTFOUND',
  ].join(', ');
}

function viewport() {
  const [width, height] = (process.env.VIEWPORT ?? '1280x900').split('x').map(Number);
  return { width, height };
}

await report('browser', async () => {
  const redirectUri = required('REDIRECT_URI');
  const shots = required('SHOTS_DIR');
  await mkdir(shots, { recursive: true });

  const client = await listen(redirectUri);
  // A new profile in a temporary folder each time; the package removes it.
  const browser = await chromium.launch({
    executablePath: required('INSULA_TEST_CHROMIUM'),
    headless: true,
    args: [...FLAGS, `--host-resolver-rules=${resolverRules(redirectUri, client.port)}`],
  });
  try {
    const context = await browser.newContext({
      viewport: viewport(),
      colorScheme: process.env.COLOR_SCHEME ?? 'light',
      javaScriptEnabled: process.env.JAVASCRIPT !== 'off',
      reducedMotion: 'reduce',
    });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);

    const complaints = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('requestfailed', (request) => {
      // A page that sends itself on need not have finished its pictures.
      if (request.failure()?.errorText === 'net::ERR_ABORTED') return;
      complaints.push(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`);
    });

    await page.route('**/favicon.ico', (route) => route.fulfill({ status: 204 }));

    const steps = [];
    const shoot = async (name) => {
      const file = join(shots, `${steps.length + 1}-${name}.png`);
      await page.screenshot({ path: file, fullPage: true });
      steps.push({ name, title: await page.title(), path: new URL(page.url()).pathname, shot: file });
    };
    const isBack = () => page.url().split(/[?#]/)[0] === redirectUri;
    const sees = async (id) => !isBack() && (await page.locator(`#${id}`).count()) > 0;
    const press = async (selector) => {
      await page.locator(selector).click();
      await page.waitForLoadState('load');
    };

    // A login that an earlier page asked for is shown again, but cannot be changed.
    const introduce = async () => {
      const field = page.locator('#login');
      if ((await field.count()) > 0 && (await field.isEditable())) await field.fill(process.env.LOGIN ?? '');
    };

    await page.goto(required('AUTHORIZATION_URL'));
    const connector = process.env.CONNECTOR;
    if (connector && !isBack() && !(await sees('password'))) {
      await shoot('chooser');
      const choice = page.locator(`a[href*="/${connector}"], #connector-${connector}, button[value="${connector}"]`);
      await choice.first().click();
      await page.waitForLoadState('load');
    }
    if (await sees('login')) {
      await shoot('login');
      await introduce();
      if (!(await sees('password'))) {
        await press('#submit-login');
        await shoot('password');
        await introduce();
      }
      await page.fill('#password', process.env.PASSWORD ?? '');
      await press('#submit-login');
    }
    const approve = (await sees('submit-approve')) ? 'submit-approve' : 'approve';
    if (await sees(approve)) {
      await shoot('consent');
      await press(`#${approve}`);
    }
    if (!isBack()) await page.waitForURL((url) => url.href.split(/[?#]/)[0] === redirectUri).catch(() => {});
    if (!isBack()) {
      await shoot('stuck');
      const words = (await page.locator('body').innerText()).replace(/\s+/g, ' ').slice(0, 300);
      throw new Error(`stuck at ${page.url()}: ${words}; console: ${complaints.join(' | ')}`);
    }
    const final = await client.back;
    // The listener is not sent the fragment: only the page knows it.
    final.url += new URL(page.url()).hash;
    if (complaints.length > 0) throw new Error(`the browser complained: ${complaints.join(' | ')}`);
    return { final_url: final.url, method: final.method, body: final.body, steps, console: complaints };
  } finally {
    await browser.close();
    client.close();
  }
});
