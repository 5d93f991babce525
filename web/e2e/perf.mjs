/**
 * How fast the page is: from nothing to a channel that can be read over a slow network, its frames while many write, and what it
 * holds then. Run by hand against a server that limits no rates (`consort serve --dev --rate-limits off`):
 *
 *   BASE_URL=http://127.0.0.1:8080 npm run perf            # SECONDS=3600 writes for an hour
 *
 * Prints the figures beside those of `perf.json` and what they should be at most; `-- --bless` keeps them there. It fails where
 * something does not work, never because it is slow.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { BASE_URL, finish, person, start, test, until } from './harness.mjs';
import { box, message } from './person.mjs';

const API = `${BASE_URL}/api/v10`;
const KEPT = new URL('../perf.json', import.meta.url);
const SECONDS = Number(process.env.SECONDS ?? 30);
const RATE = 50;
/** A slow telephone: 1.6 Mbit/s, and 150 ms there and back. */
const SLOW = { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 750e3 / 8 };
const RUNS = 5;

const figures = {};
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

let token;
const call = async (method, path, body) => {
  const headers = { 'content-type': 'application/json', ...(token ? { authorization: token } : {}) };
  const answer = await fetch(API + path, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? null : answer.json();
};

/** Words of the lengths people write. */
const words = (i) =>
  `${i}: ${'la '.repeat(1 + ((i * 7) % 40))}${i % 9 ? '' : '**forte** `pp` https://example.org/score'}`;

async function world() {
  const name = `perf_${Date.now().toString(36)}`;
  const account = { email: `${name}@example.org`, username: name, password: 'correct-horse-battery', consent: true };
  ({ token } = await call('POST', '/auth/register', account));
  const guild = await call('POST', '/guilds', { name: 'Perf' });
  const channel = (await call('GET', `/guilds/${guild.id}/channels`)).find((c) => c.type === 0);
  for (let i = 0; i < 60; i++) await call('POST', `/channels/${channel.id}/messages`, { content: words(i) });
  return { guild: guild.id, channel: channel.id };
}

/** Opens a page that is logged in and knows nothing else. */
async function visitor() {
  const someone = await person('Visitor', { viewport: { width: 1280, height: 800 } });
  await someone.page.addInitScript((token) => {
    localStorage.setItem('consort:token', JSON.stringify(token));
    const seen = new MutationObserver(() => {
      const row = document.querySelector('.placed [data-message-id] .content');
      if (!window.__readable && row && getComputedStyle(row).visibility === 'visible')
        window.__readable = performance.now();
    });
    seen.observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ['class', 'style'] });
  }, token);
  const cdp = await someone.context.newCDPSession(someone.page);
  return { ...someone, cdp };
}

/** Processor time of the page's main thread so far, which other work on the machine hardly changes. */
async function taskMs(cdp) {
  const { metrics } = await cdp.send('Performance.getMetrics');
  return 1000 * metrics.find((m) => m.name === 'TaskDuration').value;
}

async function heapMB(cdp) {
  await cdp.send('HeapProfiler.collectGarbage');
  const { usedSize } = await cdp.send('Runtime.getHeapUsage');
  return Math.round(usedSize / 1e5) / 10;
}

await start();
const { guild, channel } = await world();
const address = `${BASE_URL}/channels/${guild}/${channel}`;

await test('from nothing to a channel that can be read', async () => {
  const times = [];
  let bytes = 0;
  for (let i = 0; i < RUNS; i++) {
    const { page, cdp, context } = await visitor();
    await cdp.send('Network.enable');
    await cdp.send('Network.emulateNetworkConditions', SLOW);
    bytes = 0;
    cdp.on('Network.loadingFinished', (e) => (bytes += e.encodedDataLength));
    await page.goto(address);
    times.push(await until(() => page.evaluate(() => window.__readable), 'a message to read'));
    await context.close();
  }
  figures.coldStartMs = Math.round(median(times));
  figures.coldStartKB = Math.round(bytes / 1024);
});

await test('frames while many write, and what is held then', async () => {
  const { page, cdp, context } = await visitor();
  await page.goto(address);
  await box(page).waitFor();
  await message(page, '59:').waitFor();
  figures.heapAtFirstMB = await heapMB(cdp);
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
  const workBefore = await taskMs(cdp);
  await page.evaluate(() => {
    window.__frames = [];
    let last = performance.now();
    const frame = (now) => {
      window.__frames.push(now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  const begun = performance.now();
  const total = SECONDS * RATE;
  const pending = new Set();
  for (let i = 0; i < total; i++) {
    const due = begun + (i * 1000) / RATE;
    if (due > performance.now()) await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
    const one = call('POST', `/channels/${channel}/messages`, { content: words(1000 + i) }).finally(() =>
      pending.delete(one),
    );
    pending.add(one);
  }
  await Promise.all(pending);
  figures.messagesPerSecond = Math.round(total / ((performance.now() - begun) / 1000));
  await message(page, `${1000 + total - 1}:`).waitFor();
  figures.workMsPerMessage = Math.round((10 * ((await taskMs(cdp)) - workBefore)) / total) / 10;
  const sorted = (await page.evaluate(() => window.__frames)).slice(1).sort((a, b) => a - b);
  const at = (share) => Math.round(10 * sorted[Math.floor((sorted.length - 1) * share)]) / 10;
  Object.assign(figures, { frameP50Ms: at(0.5), frameP95Ms: at(0.95), frameMaxMs: at(1) });
  figures.heapAfterMB = await heapMB(cdp);
  await context.close();
});
await finish();

const { figures: kept, limits } = JSON.parse(readFileSync(KEPT, 'utf8'));
console.log(`\n${'figure'.padEnd(20)} ${'now'.padStart(9)} ${'kept'.padStart(9)} ${'at most'.padStart(9)}`);
for (const [name, value] of Object.entries(figures)) {
  console.log(
    `${name.padEnd(20)} ${[value, kept[name] ?? '', limits[name] ?? ''].map((v) => String(v).padStart(9)).join(' ')}`,
  );
}
if (process.argv.includes('--bless')) writeFileSync(KEPT, `${JSON.stringify({ figures, limits }, null, 2)}\n`);
