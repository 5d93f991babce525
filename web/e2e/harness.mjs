/** A small runner over playwright-core: scenarios in order, people in contexts of their own, a line per test. */
import { mkdirSync } from 'node:fs';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { chromium } from 'playwright-core';
import { makeUneven } from './uneven.mjs';

export const BASE_URL = (process.env.BASE_URL ?? 'http://127.0.0.1:8080').replace(/\/+$/, '');
const CHROMIUM =
  process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const SHOTS = process.env.SHOTS;
const ARTIFACTS = process.env.ARTIFACTS;
export const TIMEOUT_MS = Number(process.env.E2E_TIMEOUT_MS ?? 30_000);
/** A seed: requests and dispatches overtake each other. */
const UNEVEN = Number(process.env.UNEVEN ?? 0);
/** Lines of an error that are shown where it happens, and at the end. */
const MESSAGE_LINES = 25;
const BRIEF_LINES = 5;
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A microphone that beeps each second, and is never asked about.
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
];

const results = { passed: 0, failures: [] };
let browser;
const people = [];

/** Keeps hold of the page's sockets and of what it sent over them, so that a test can cut them and look. */
function watchSockets() {
  const Original = window.WebSocket;
  window.__sockets = [];
  window.__sent = [];
  window.WebSocket = class extends Original {
    constructor(...args) {
      super(...args);
      window.__sockets.push(this);
    }
    send(data) {
      if (typeof data === 'string') window.__sent.push(data);
      super.send(data);
    }
  };
}

export async function start() {
  // playwright-core runs Chromium under a temporary profile directory of its own.
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}

/** Ends the run; what failed is told once more at the very end, where nobody has to look for it. */
export async function finish() {
  await browser.close();
  for (const { head, brief } of results.failures) tell(head, brief);
  console.log(`${results.passed} passed, ${results.failures.length} failed`);
  if (results.failures.length) process.exitCode = 1;
}

const tell = (head, lines) => console.log([head, ...lines.map((line) => `     ${line}`)].join('\n'));

/** What every log of a click says, whatever it failed at. */
const USUAL =
  /^(Call log:|- (locator resolved|attempting|retrying|waiting \d|(\d+ × )?waiting for element|scrolling|done scrolling|element is visible, enabled and stable))/;

/** Where in a scenario an error comes from, as `posts.mjs:63`. */
const placeIn = (error) =>
  /\/e2e\/((?!harness|person|uneven)[\w-]+\.mjs:\d+)/.exec(error?.stack ?? '')?.[1] ?? 'no place';

/** What lies on top of a page, since that is what mostly keeps a click away from where it should go. */
const onTop = () =>
  [...document.querySelectorAll('dialog[open], [role="menu"], [role="listbox"], [role="alert"], [role="status"]')]
    .filter((e) => e.checkVisibility())
    .map((e) => {
      const by = e.getAttribute('aria-labelledby');
      const name = e.getAttribute('aria-label') ?? (by ? document.getElementById(by)?.textContent : e.textContent);
      return `${e.getAttribute('role') ?? 'dialog'} “${(name ?? '').trim().slice(0, 60)}”`;
    })
    .join(', ');

async function whereabouts({ name, page }) {
  if (page.isClosed()) return null;
  const seen = page.evaluate(onTop).catch((e) => String(e).split('\n')[0]);
  const late = new Promise((resolve) => setTimeout(resolve, 2000, 'the page does not answer'));
  return `${name} is at ${new URL(page.url()).pathname}; ${(await Promise.race([seen, late])) || 'nothing on top'}`;
}

/** Opens a browser context for one person. Errors on the page are noted, and fail the test they fall into. */
export async function person(name, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    colorScheme: 'light',
    locale: 'en-GB',
    reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'],
    ...options,
  });
  context.setDefaultTimeout(TIMEOUT_MS);
  if (UNEVEN) await makeUneven(context, UNEVEN + people.length);
  await context.addInitScript(watchSockets);
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (e) => errors.push(String(e)));
  const entry = { name, page, context, errors };
  people.push(entry);
  return entry;
}

/** Notes a failure, with where every person is. */
export async function failed(name, error) {
  const lines = stripVTControlCharacters(String(error?.message ?? error))
    .split('\n')
    .filter((line) => line.trim());
  const head = `FAIL ${name} (${placeIn(error)})`;
  const pages = (await Promise.all(people.map(whereabouts))).filter(Boolean);
  tell(head, [...lines.slice(0, MESSAGE_LINES), ...pages]);
  const telling = [...new Set(lines.map((line) => line.trim()).filter((line) => !USUAL.test(line)))];
  results.failures.push({ head, brief: [...telling.slice(0, BRIEF_LINES), ...pages] });
  for (const p of people) p.errors.length = 0;
  if (!ARTIFACTS) return;
  for (const p of people) await save(p.page, ARTIFACTS, `fail-${results.failures.length}-${p.name}`).catch(() => {});
}

/** Runs one test. When a `vital` one fails, what follows cannot work, and the run ends. */
export async function test(name, run, { vital = false } = {}) {
  const begun = performance.now();
  try {
    await run();
    for (const p of people) {
      const errors = p.errors.splice(0);
      if (errors.length) throw new Error(`${p.name}'s page: ${errors.join('; ')}`);
    }
    results.passed++;
    console.log(`ok   ${name} (${Math.round(performance.now() - begun)} ms)`);
  } catch (error) {
    await failed(name, error);
    if (vital) throw new Error(`nothing can follow on “${name}”`, { cause: error });
  }
}

async function save(page, directory, name) {
  mkdirSync(directory, { recursive: true });
  await page.screenshot({ path: path.join(directory, `${name}.png`) });
}

/** Takes a picture when SHOTS names a directory. */
export async function shot(page, name) {
  if (SHOTS) await save(page, SHOTS, name);
}

export function assert(condition, message) {
  if (!condition) throw new Error(message);
}

/** Waits until `probe` gives something true. */
export async function until(probe, message, timeout = TIMEOUT_MS) {
  const end = Date.now() + timeout;
  let last;
  for (;;) {
    last = await probe();
    if (last) return last;
    if (Date.now() > end) throw new Error(`timed out: ${message}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
