/** A small runner over playwright-core: scenarios in order, people in contexts of their own, a line per test. */
import { mkdirSync } from 'node:fs';
import { existsSync } from 'node:fs';
import path from 'node:path';
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

const results = { passed: 0, failed: 0 };
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

export async function finish() {
  await browser.close();
  console.log(`${results.passed} passed, ${results.failed} failed`);
  process.exitCode = results.failed ? 1 : 0;
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
    results.failed++;
    console.log(
      `FAIL ${name}\n     ${String(error?.message ?? error)
        .split('\n')
        .slice(0, 12)
        .join('\n     ')}`,
    );
    for (const p of people) p.errors.length = 0;
    if (ARTIFACTS)
      for (const p of people) await save(p.page, ARTIFACTS, `fail-${results.failed}-${p.name}`).catch(() => {});
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
