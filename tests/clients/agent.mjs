// A person without a browser: follows redirects, keeps cookies, fills in the forms it meets.
//
// What the scripts of this folder share: names under .localhost lead to 127.0.0.1 (RFC 6761; the
// resolver of the system may not know), and HOSTS adds others, as "name=address,name=address".

import dns from 'node:dns';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;

const MOST_PAGES = 20;

/** The ids of the button that agrees: ours, and a shorter one. */
const APPROVE = ['submit-approve', 'approve'];

const hosts = new Map(
  (process.env.HOSTS ?? '')
    .split(',')
    .filter((entry) => entry.includes('='))
    .map((entry) => entry.split('=').map((part) => part.trim())),
);

function addressOf(host) {
  const name = host.toLowerCase().replace(/\.$/, '');
  return hosts.get(name) ?? (name.endsWith('.localhost') ? '127.0.0.1' : undefined);
}

const systemLookup = dns.lookup;
dns.lookup = (host, options, done) => {
  const callback = typeof options === 'function' ? options : done;
  const address = addressOf(host);
  if (address === undefined) return systemLookup(host, options, done);
  if (options?.all) return process.nextTick(callback, null, [{ address, family: 4 }]);
  return process.nextTick(callback, null, address, 4);
};

/** The value of an environment variable that must be there. */
export function required(name) {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

/** Prints the one line that the test reads, and ends with 0 only if it went well. */
export async function report(client, work) {
  try {
    console.log(JSON.stringify({ client, ok: true, ...(await work()) }));
  } catch (error) {
    const cause = error.cause instanceof Error ? error.cause.message : error.cause;
    console.log(
      JSON.stringify({
        client,
        ok: false,
        error: error.error ?? error.code ?? error.name,
        message: error.error_description ?? error.message,
        cause,
      }),
    );
    process.exitCode = 1;
  }
}

class CookieJar {
  #cookies = [];

  keep(url, response) {
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const at = pair.indexOf('=');
      const cookie = { host: url.hostname, name: pair.slice(0, at), value: pair.slice(at + 1), path: '/' };
      let gone = cookie.value === '';
      for (const attribute of attributes) {
        const [key, value = ''] = attribute.split('=');
        if (/^path$/i.test(key) && value) cookie.path = value;
        if (/^max-age$/i.test(key) && Number(value) <= 0) gone = true;
        if (/^expires$/i.test(key) && Date.parse(value) < Date.now()) gone = true;
      }
      this.#cookies = this.#cookies.filter(
        (old) => !(old.host === cookie.host && old.name === cookie.name && old.path === cookie.path),
      );
      if (!gone) this.#cookies.push(cookie);
    }
  }

  header(url) {
    return this.#cookies
      .filter((cookie) => cookie.host === url.hostname && within(url.pathname, cookie.path))
      .map((cookie) => `${cookie.name}=${cookie.value}`)
      .join('; ');
  }
}

/** RFC 6265 §5.1.4. */
function within(path, cookiePath) {
  if (path === cookiePath) return true;
  return path.startsWith(cookiePath) && (cookiePath.endsWith('/') || path[cookiePath.length] === '/');
}

function unescape(text) {
  const named = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(parseInt(hex, 16));
    if (decimal) return String.fromCodePoint(Number(decimal));
    return named[name] ?? whole;
  });
}

function attributesOf(tag) {
  const attributes = {};
  for (const [, name, double, single, bare] of tag.matchAll(
    /([\w-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g,
  )) {
    attributes[name.toLowerCase()] ??= unescape(double ?? single ?? bare ?? '');
  }
  return attributes;
}

/** The forms of a page, each with its fields and the buttons that submit it. */
export function formsOf(html) {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, head, body]) => {
    const fields = [];
    const buttons = [];
    for (const [, tag, rest] of body.matchAll(/<(input|button)\b([^>]*)>/gi)) {
      const field = attributesOf(rest);
      const type = (field.type ?? (tag.toLowerCase() === 'button' ? 'submit' : 'text')).toLowerCase();
      if (type === 'submit') buttons.push(field);
      else if (type === 'checkbox' || type === 'radio') {
        if ('checked' in field) fields.push({ value: 'on', ...field });
      } else if (type !== 'button') fields.push(field);
    }
    const { action = '', method = 'get' } = attributesOf(head);
    return { action, method: method.toLowerCase(), fields, buttons };
  });
}

/** The link that leads to a connector, on a page that offers several. */
function linkTo(connector, html) {
  for (const [, rest] of html.matchAll(/<a\b([^>]*)>/gi)) {
    const { href = '' } = attributesOf(rest);
    if (href.split(/[?#]/)[0].endsWith(`/${connector}`)) return href;
  }
  return undefined;
}

/** Fills in a form as this person would: who they are, that they agree, and nothing else. */
function filledIn(form, person) {
  const values = [];
  for (const field of form.fields) {
    const is = (name) => field.id === name || field.name === name;
    if (!field.name) continue;
    if (is('login') && !('readonly' in field)) values.push([field.name, person.login]);
    else if (is('password')) values.push([field.name, person.password]);
    else values.push([field.name, field.value ?? '']);
  }
  const button =
    form.buttons.find((candidate) => APPROVE.includes(candidate.id)) ??
    form.buttons.find((candidate) => candidate.id === 'submit-login') ??
    form.buttons[0];
  if (button?.name) values.push([button.name, button.value ?? '']);
  return new URLSearchParams(values);
}

function choose(forms) {
  const has = (form, ...ids) => [...form.fields, ...form.buttons].some((part) => ids.includes(part.id));
  return forms.find((form) => has(form, ...APPROVE)) ?? forms.find((form) => has(form, 'login')) ?? forms[0];
}

/**
 * Logs in, starting at `start`; answers the URL with which the browser would come back, or that of the
 * page that has an element of the id `done`.
 */
export async function logIn(start, { redirectUri, done, login, password, connector }) {
  const jar = new CookieJar();
  const steps = [];
  let request = { url: new URL(start), method: 'GET', body: undefined };
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const { url, method, body } = request;
    const response = await fetch(url, {
      method,
      body,
      redirect: 'manual',
      headers: { cookie: jar.header(url), accept: 'text/html' },
    });
    jar.keep(url, response);
    steps.push(`${method} ${url.pathname} ${response.status}`);
    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location) {
      const next = new URL(location, url);
      if (next.href.split(/[?#]/)[0] === redirectUri) return { url: next, steps };
      request = { url: next, method: 'GET' };
      continue;
    }
    const html = await response.text();
    if (done && html.includes(`id="${done}"`)) return { url, steps };
    const link = connector && linkTo(connector, html);
    if (link) {
      request = { url: new URL(link, url), method: 'GET' };
      continue;
    }
    const form = choose(formsOf(html));
    if (!form || response.status >= 400) {
      const words = html.replace(/<(style|script)[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ');
      throw new Error(
        `stuck at ${url.pathname} with ${response.status} after ${steps.join(', ')}: ${words.replace(/\s+/g, ' ').slice(0, 300)}`,
      );
    }
    const target = new URL(form.action || url.href, url);
    const values = filledIn(form, { login, password });
    if (form.method === 'post') {
      request = { url: target, method: 'POST', body: values };
    } else {
      target.search = values.toString();
      request = { url: target, method: 'GET' };
    }
  }
  throw new Error(`not back after ${MOST_PAGES} pages: ${steps.join(', ')}`);
}
