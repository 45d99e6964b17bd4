// Walks through logins whose client sends the browser on and on. One JSON line out.
//
// BROWSER=chrome|firefox  EXECUTABLE
// PLAN: { "port": …, "ipv6_port": …, "walks": [{ "name", "start", "end", "after"?, "after_end"?, "back"? }] }
// LOGIN  PASSWORD
//
// A listener here stands in for every client: `/one` is where a chain ends, `/two` sends on to
// `/one` at another origin, `/three` to `/two` at a third. A walk presses whatever button a page
// has until the browser is at `end`; an `end` with a private scheme is reached when the browser was
// sent there and no policy stopped it. `after` is where the browser goes then, up to `after_end`;
// `back` has it go back from there and tells what it finds. `/posting?to=…` is a page of another site
// that posts the rest of its query.

import { createServer } from 'node:http';

import { report, required } from './agent.mjs';
import puppeteer from 'puppeteer-core';

const PATIENCE_MS = 10_000;
const MOST_PAGES = 12;

const CHROME_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE *.localhost, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE ::1',
];

// Whatever is not on this machine goes to a proxy that is not there.
const FIREFOX_PREFERENCES = {
  'network.proxy.type': 1,
  'network.proxy.http': '127.0.0.1',
  'network.proxy.http_port': 9,
  'network.proxy.ssl': '127.0.0.1',
  'network.proxy.ssl_port': 9,
  'network.proxy.no_proxies_on': 'localhost, .localhost, 127.0.0.1, ::1',
};

/** A form under a policy that lists the first origin of a chain and not the others. */
function listed(port) {
  return {
    headers: {
      'content-type': 'text/html',
      'content-security-policy': `default-src 'none'; form-action 'self' http://a.localhost:${port}`,
    },
    body: '<title>listed</title><form method="post" action="/listed"><button id="submit-listed">go</button></form>',
  };
}

const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** A page of another site, with a form that goes to `to`. */
function posting(query) {
  const fields = [...query].filter(([name]) => name !== 'to');
  const inputs = fields.map(
    ([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`,
  );
  return `<title>posting</title><form method="post" action="${escaped(query.get('to'))}">${inputs.join('')}<button id="submit-listed">go</button></form>`;
}

function answer(port, request, response) {
  const url = new URL(request.url, 'http://any.localhost');
  if (url.pathname === '/posting') {
    response.writeHead(200, { 'content-type': 'text/html' }).end(posting(url.searchParams));
    return;
  }
  const onward = { '/three': `http://b.localhost:${port}/two`, '/two': `http://c.localhost:${port}/one` }[url.pathname];
  if (onward) {
    response.writeHead(302, { location: onward + url.search }).end();
  } else if (url.pathname === '/listed' && request.method === 'POST') {
    response.writeHead(303, { location: `http://a.localhost:${port}/three` }).end();
  } else if (url.pathname === '/listed') {
    const { headers, body } = listed(port);
    response.writeHead(200, headers).end(body);
  } else {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<title>end</title><link rel="icon" href="data:,"><p>the end of the chain</p>');
  }
}

async function listen(port, host, chainPort) {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => answer(chainPort, request, response));
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  return server;
}

const reached = (url, end) => url.split(/[?#]/)[0] === end;

/** The button this page is there for; `undefined` on a page that asks nothing. */
async function buttonOf(page) {
  for (const id of ['submit-approve', 'submit-login', 'submit-logout', 'submit-listed', 'submit-continue']) {
    if (await page.$(`#${id}`)) return id;
  }
  return undefined;
}

async function follow(page, seen, { start, end }) {
  const isPrivate = !end.startsWith('http');
  seen.locations = [];
  await page.goto(start, { waitUntil: 'load' }).catch((error) => {
    if (!isPrivate) throw error;
  });
  const pressed = [];
  for (let n = 0; n < MOST_PAGES; n += 1) {
    if (reached(page.url(), end)) return { pressed, url: page.url() };
    if (isPrivate && seen.locations.some((to) => reached(to, end))) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      const url = seen.locations.find((to) => reached(to, end));
      return { pressed, url, violated: await violated(page) };
    }
    const button = await buttonOf(page).catch(() => undefined);
    if (!button) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      continue;
    }
    const path = new URL(page.url()).pathname;
    if (button === 'submit-login') {
      await page.$eval('#login', (field, text) => (field.value = text), required('LOGIN'));
      await page.type('#password', required('PASSWORD'));
    }
    pressed.push(`${button} at ${path}`);
    const moved = page.waitForNavigation({ waitUntil: 'load', timeout: 3000 }).catch(() => undefined);
    // A page that sends itself on may be gone before it is pressed.
    await page.click(`#${button}`).catch(() => undefined);
    await moved;
    if (await violated(page)) return { pressed, url: page.url(), violated: true };
  }
  throw new Error(`not at ${end} but at ${page.url()} after ${pressed.join(', ')}: ${await page.title()}`);
}

const violated = async (page) => (await page.title().catch(() => '')).startsWith('policy violated');

/** What a person finds who goes back. */
async function wentBack(page) {
  await page.goBack({ waitUntil: 'load' });
  const heading = await page.$eval('h1', (element) => element.textContent);
  const app = await page.$eval('#app', (element) => element.href).catch(() => null);
  return { heading, app };
}

async function walk(browser, plan, { name, start, end, after, after_end, back }) {
  const context = await browser.createBrowserContext();
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const seen = { locations: [] };
    const note = (headers) => {
      const to = headers.location ?? headers.Location;
      if (to) seen.locations.push(to);
    };
    page.on('response', (response) => note(response.headers()));
    if (required('BROWSER') === 'chrome') {
      // Of a redirect that nobody can follow Chromium tells only here.
      const session = await page.createCDPSession();
      session.on('Network.responseReceivedExtraInfo', ({ headers }) => note(headers));
      await session.send('Network.enable');
    }
    await page.evaluateOnNewDocument(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        if (event.effectiveDirective === 'form-action') document.title = `policy violated: ${event.blockedURI}`;
      });
    });
    const first = await follow(page, seen, { start, end });
    if (back) return { name, ...first, back: await wentBack(page) };
    if (!after) return { name, ...first };
    const then = await follow(page, seen, { start: after, end: after_end ?? end });
    return { name, ...then, pressed: [...first.pressed, ...then.pressed] };
  } catch (error) {
    throw new Error(`${name}: ${error.message}`);
  } finally {
    await context.close();
  }
}

await report('redirect chains', async () => {
  const plan = JSON.parse(required('PLAN'));
  const servers = [
    await listen(plan.port, '127.0.0.1', plan.port),
    await listen(plan.ipv6_port, '::1', plan.port),
  ];
  const kind = required('BROWSER');
  const browser = await puppeteer.launch({
    browser: kind,
    executablePath: required('EXECUTABLE'),
    headless: true,
    args: kind === 'chrome' ? CHROME_FLAGS : [],
    extraPrefsFirefox: FIREFOX_PREFERENCES,
  });
  try {
    const walks = [];
    for (const one of plan.walks) walks.push(await walk(browser, plan, one));
    return { version: await browser.version(), walks };
  } finally {
    await browser.close();
    servers.forEach((server) => server.close());
  }
});
