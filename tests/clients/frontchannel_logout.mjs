// Logs in to several clients, leaves, and tells what the browser loaded and where it ended. One JSON
// line out.
//
// INSULA_TEST_CHROMIUM  LOGIN  PASSWORD  SHOTS_DIR  JAVASCRIPT=on|off|late
//
// `late` holds the script back until frames that do not wait for it have loaded, and stops the timer by
// which the page would go on in any case.
//
// PLAN: { "port": …, "logins": [URL…], "logout": URL, "end": URL }
//
// A listener here stands in for every client: `/cb` ends a login, `/out` is a frame, `/never` is one
// that hangs, `/bye` is where the person goes then.

import { createServer } from 'node:http';
import { join } from 'node:path';

import { report, required } from './agent.mjs';
import puppeteer from 'puppeteer-core';

const PATIENCE_MS = 15_000;

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE *.localhost, EXCLUDE localhost, EXCLUDE 127.0.0.1',
];

async function listen(port, frames) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://any.localhost');
    if (pathname === '/out' || pathname === '/never') {
      frames.push(`http://${request.headers.host}${request.url}`);
    }
    if (pathname === '/never') return;
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end(`<title>client</title><link rel="icon" href="data:,"><p>${pathname.slice(1)}</p>`);
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return server;
}

async function until(look) {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    if (await look()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('what was waited for did not come');
}

async function holdBack(page, haveLoaded) {
  await page.evaluateOnNewDocument(() => {
    const set = window.setTimeout;
    window.setTimeout = (run, ms, ...rest) => (ms >= 3000 ? 0 : set(run, ms, ...rest));
  });
  await page.setRequestInterception(true);
  page.on('request', async (request) => {
    if (/logged-out/.test(request.url()) && request.resourceType() === 'script') {
      for (let tries = 0; tries < 20 && !haveLoaded(); tries += 1) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    await request.continue();
  });
}

async function logIn(page, url) {
  await page.goto(url, { waitUntil: 'load' });
  if (await page.$('#login')) {
    await page.type('#login', required('LOGIN'));
    await page.type('#password', required('PASSWORD'));
    await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), page.click('#submit-login')]);
  }
  if (new URL(page.url()).pathname !== '/cb') throw new Error(`not logged in: ${page.url()}`);
}

await report('chromium', async () => {
  const plan = JSON.parse(required('PLAN'));
  const frames = [];
  const server = await listen(plan.port, frames);
  const browser = await puppeteer.launch({
    executablePath: required('INSULA_TEST_CHROMIUM'),
    args: FLAGS,
    protocolTimeout: PATIENCE_MS,
  });
  try {
    const page = await browser.newPage();
    const violations = [];
    page.on('console', (message) => {
      if (/Content Security Policy/i.test(message.text())) violations.push(message.text());
    });
    if (process.env.JAVASCRIPT === 'off') await page.setJavaScriptEnabled(false);
    for (const login of plan.logins) await logIn(page, login);
    await page.goto(plan.logout, { waitUntil: 'load' });
    await page.screenshot({ path: join(required('SHOTS_DIR'), 'confirm.png') });
    const expected = plan.logins.length;
    if (process.env.JAVASCRIPT === 'late') await holdBack(page, () => frames.length === expected);
    await page.click('#submit-logout', { noWaitAfter: true });
    await until(() => frames.length === expected);
    let clicked = false;
    if (process.env.JAVASCRIPT === 'off') {
      // With scripts the page leaves by itself, and a picture taken meanwhile may never be done.
      await page.screenshot({ path: join(required('SHOTS_DIR'), 'logged-out.png') });
      clicked = true;
      await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), page.click('#return')]);
    }
    await until(() => page.url().startsWith(plan.end));
    return { frames, violations, clicked, url: page.url() };
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
});
