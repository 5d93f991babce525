/**
 * A community of many members in a real browser: how fast it is there, how smoothly its member list scrolls, and that unread
 * marks are true of a guild that is not looked at. Run by hand against a server on a world of `consort bench-world`:
 *
 *   BASE_URL=http://127.0.0.1:8080 WORLD=DIR node e2e/large.mjs
 *
 * DIR is the --out of bench-world. Prints a line of JSON; fails where something is wrong, never because it is slow.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { assert, BASE_URL, finish, person, shot, start, test, until } from './harness.mjs';
import { box, channels, message, rail } from './person.mjs';

const WORLD = process.env.WORLD;
if (!WORLD) throw new Error('WORLD must name the --out directory of consort bench-world');
const tokens = readFileSync(path.join(WORLD, 'tokens.txt'), 'utf8').trim().split('\n');
const world = Object.fromEntries(
  readFileSync(path.join(WORLD, 'world.env'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split('=')),
);
const API = `${BASE_URL}/api/v10`;
const ROW_PX = 44;

const call = async (token, method, route, body) => {
  const answer = await fetch(API + route, {
    method,
    headers: { authorization: token, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? null : answer.json();
};
const post = (content) =>
  call(`Bot ${world.POST_TOKEN}`, 'POST', `/channels/${world.CHANNEL_ID}/messages`, { content });

/** A session that is online and no more. */
function online(token) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${BASE_URL.replace(/^http/, 'ws')}/?v=10&encoding=json`);
    let beat;
    socket.onmessage = (e) => {
      const { op, d, t } = JSON.parse(e.data);
      if (op === 10) {
        beat = setInterval(() => socket.send(JSON.stringify({ op: 1, d: null })), d.heartbeat_interval);
        const presence = { status: 'online', since: 0, activities: [], afk: false };
        socket.send(
          JSON.stringify({
            op: 2,
            d: { token, capabilities: 1 << 14, properties: { os: 'linux', browser: 'large', device: '' }, presence },
          }),
        );
      } else if (t === 'READY') resolve(socket);
    };
    socket.onclose = () => clearInterval(beat);
    socket.onerror = () => reject(new Error('a session could not connect'));
  });
}

/** Notes in the page how long each frame took, what blocked it, and how many rows in sight were not there. */
function watchFrames() {
  const frames = [];
  const tasks = [];
  let holes = 0;
  let last = performance.now();
  let running = true;
  const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((e) => e.duration)));
  observer.observe({ entryTypes: ['longtask'] });
  const aside = document.querySelector('aside[aria-label="Members"]');
  const frame = (now) => {
    frames.push(now - last);
    last = now;
    const box = aside.getBoundingClientRect();
    if (!document.elementFromPoint(box.left + 30, box.top + box.height / 2)?.closest('button, h2')) holes++;
    if (running) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  window.__stopFrames = () => {
    running = false;
    observer.disconnect();
    frames.shift();
    const sorted = [...frames].sort((a, b) => a - b);
    const at = (p) => Math.round(10 * (sorted[Math.floor((sorted.length - 1) * p)] ?? 0)) / 10;
    return {
      frames: frames.length,
      p50: at(0.5),
      p95: at(0.95),
      p99: at(0.99),
      max: at(1),
      longTasks: tasks.length,
      longestTask: Math.round(Math.max(0, ...tasks)),
      blankFrames: holes,
    };
  };
}

const figures = {};
const aside = (page) => page.getByRole('complementary', { name: 'Members' });
const nodes = (page) => page.evaluate(() => document.querySelectorAll('*').length);
const shownMembers = (page) => aside(page).locator('button[data-user-id]');

async function heap(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('HeapProfiler.collectGarbage');
  const { usedSize } = await cdp.send('Runtime.getHeapUsage');
  await cdp.detach();
  return Math.round(usedSize / 1e5) / 10;
}

/** The element that scrolls the list. */
const scroller = (page) =>
  page.evaluateHandle(() =>
    [...document.querySelectorAll('aside[aria-label="Members"], aside[aria-label="Members"] *')].find(
      (e) => e.scrollHeight > e.clientHeight + 100,
    ),
  );

/** Waits for the newest message. A channel opens at the first new one, so its end may have to be gone to. */
const atEnd = (page, text) =>
  until(async () => {
    const toEnd = page.getByRole('button', { name: /To the end|Jump to the newest/ });
    if (await toEnd.isVisible()) await toEnd.click();
    return message(page, text).isVisible();
  }, `“${text}”`);

/** Whether every row in sight of the list shows something. */
const whole = (page) =>
  page.evaluate(() => {
    const box = document.querySelector('aside[aria-label="Members"]').getBoundingClientRect();
    for (let y = box.top + 20; y < box.bottom - 30; y += 20)
      if (!document.elementFromPoint(box.left + 30, y)?.closest('button, h2, aside > *')) return false;
    return !document.querySelector('aside[aria-label="Members"] .hole');
  });

await start();
try {
  const sockets = [];
  for (const token of tokens.slice(1)) sockets.push(await online(token));
  const me = await person('Member', { viewport: { width: 1280, height: 900 } });
  const { page } = me;
  await page.addInitScript((token) => {
    if (!localStorage.getItem('consort:token')) localStorage.setItem('consort:token', JSON.stringify(token));
    const mark = new MutationObserver(() => {
      if (!window.__rows && document.querySelector('aside[aria-label="Members"] button[data-user-id]'))
        window.__rows = performance.now();
      if (!window.__shell && document.querySelector('#composer')) window.__shell = performance.now();
    });
    mark.observe(document, { childList: true, subtree: true });
  }, tokens[0]);

  await test(
    'a large community is there soon',
    async () => {
      await page.goto(`${BASE_URL}/channels/${world.GUILD_ID}/${world.CHANNEL_ID}`);
      await box(page).waitFor();
      await shownMembers(page).first().waitFor();
      await until(() => page.evaluate(() => window.__rows), 'rows of the list');
      const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
      figures.open = {
        firstPaintMs: Math.round(paint),
        composerMs: await page.evaluate(() => Math.round(window.__shell)),
        membersMs: await page.evaluate(() => Math.round(window.__rows)),
      };
      await until(async () => (await scroller(page)).evaluate((e) => e?.scrollHeight > 40_000 * 44), 'the whole list');
      await until(() => whole(page), 'the list is whole');
      figures.atFirst = { nodes: await nodes(page), heapMB: await heap(page) };
      await shot(page, 'large-top');
    },
    { vital: true },
  );

  const handle = await scroller(page);
  const wheel = async (name, step, pause, until) => {
    const bounds = await aside(page).boundingBox();
    await page.mouse.move(bounds.x + 100, bounds.y + 300);
    await page.evaluate(watchFrames);
    let events = 0;
    while (await until(events)) {
      await page.mouse.wheel(0, step);
      events++;
      if (pause) await page.waitForTimeout(pause);
    }
    figures[name] = { events, ...(await page.evaluate(() => window.__stopFrames())), nodes: await nodes(page) };
  };

  await test('the list scrolls at reading speed', async () => {
    await wheel('reading', 120, 40, (n) => n < 250);
    await until(() => whole(page), 'the list is whole');
    await shot(page, 'large-reading');
  });

  await test('the list scrolls from top to bottom', async () => {
    await handle.evaluate((e) => (e.scrollTop = 0));
    const end = await handle.evaluate((e) => e.scrollHeight - e.clientHeight);
    assert(Math.abs(end / ROW_PX - 100_000) < 1000 || process.env.MEMBERS, `the list has ${end / ROW_PX} rows`);
    await wheel(
      'flying',
      4000,
      0,
      async () => (await handle.evaluate((e) => e.scrollHeight - e.clientHeight - e.scrollTop)) > 50,
    );
    await until(() => whole(page), 'the last rows are there');
    await shot(page, 'large-bottom');
    figures.atEnd = { nodes: await nodes(page), heapMB: await heap(page) };
  });

  await test('wherever the bar is dragged to, rows come', async () => {
    const waits = [];
    for (let i = 1; i <= 40; i++) {
      const part = (i * 0.618034) % 1;
      await handle.evaluate((e, part) => (e.scrollTop = part * (e.scrollHeight - e.clientHeight)), part);
      const begun = performance.now();
      await page.waitForTimeout(30);
      await until(() => whole(page), `rows at ${part}`);
      waits.push(Math.round(performance.now() - begun));
      await page.waitForTimeout(300);
    }
    waits.sort((a, b) => a - b);
    figures.dragging = { p50Ms: waits[20], maxMs: waits[39], nodes: await nodes(page), heapMB: await heap(page) };
    await shot(page, 'large-middle');
  });

  await test('a guild that is not looked at marks what is new, and shows it when opened', async () => {
    await handle.evaluate((e) => (e.scrollTop = 0));
    const known = `known ${Date.now()}`;
    await post(known);
    await atEnd(page, known);
    await rail(page).getByRole('link', { name: /^Home/ }).click();
    await page.getByRole('main', { name: 'Friends' }).waitFor();
    await page.waitForTimeout(500);
    const sent = [];
    const say = async (text) => sent.push((await post(`${text} ${Date.now()}`)).content);
    for (let i = 0; i < 30; i++) await say(`while away ${i}`);
    await rail(page).getByRole('link', { name: 'Bench, unread' }).waitFor();
    const opened = rail(page)
      .getByRole('link', { name: /^Bench/ })
      .click();
    for (let i = 0; i < 5; i++) await say(`while coming ${i}`);
    await opened;
    await box(page).waitFor();
    await say('there again');
    await atEnd(page, sent.at(-1));
    const shown = await page.evaluate(() =>
      [...document.querySelectorAll('[role="log"] [data-message-id]')].map((e) => e.textContent),
    );
    const last = sent.slice(-8);
    const at = last.map((text) => shown.findIndex((one) => one.includes(text)));
    assert(
      at.every((index, i) => index >= 0 && (i === 0 || index > at[i - 1])),
      `messages are missing: ${at}`,
    );
    assert(new Set(shown).size === shown.length, 'a message is there twice');
    await channels(page).waitFor();
  });

  const commands = await page.evaluate(() => window.__sent.length);
  const closed = await page.evaluate(() => window.__sockets.length);
  figures.link = { commands, sockets: closed };
  assert(closed === 1, `the page needed ${closed} sockets`);
  sockets.forEach((socket) => socket.close());
} finally {
  await finish();
  console.log(JSON.stringify(figures));
}
