import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { assert, person, shot, test, until } from './harness.mjs';
import { accepted, box, channels, guildMenu, log, logIn, message, rail, say } from './person.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Runs axe and gives what it found, a line per rule. */
async function violations(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'],
      resultTypes: ['violations'],
    });
    return violations.map(
      (v) =>
        `${v.id}: ${v.nodes
          .slice(0, 3)
          .map((n) => `${n.target.join(' ')} (${n.any[0]?.message ?? n.failureSummary ?? ''})`)
          .join(' | ')}`,
    );
  });
  return found;
}

const focused = (page) =>
  page.evaluate(() =>
    document.activeElement === document.body
      ? ''
      : (document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim() ?? ''),
  );

/** Presses Tab until the focus is where it should be. */
async function tabTo(page, wanted, max = 60) {
  for (let i = 0; i < max; i++) {
    if (wanted.test(await focused(page))) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab never reached ${wanted}`);
}

export default async function access(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;

  await test('history pages both ways without losing its place', async () => {
    await channels(ada)
      .getByRole('link', { name: /rehearsals/ })
      .click();
    const id = ada.url().split('/').pop();
    const token = JSON.parse(await ada.evaluate(() => localStorage.getItem('consort:token')));
    await ada.evaluate(
      async ([channel, auth]) => {
        for (let i = 1; i <= 75; i++) {
          for (;;) {
            const r = await fetch(`/api/v10/channels/${channel}/messages`, {
              method: 'POST',
              headers: { Authorization: auth, 'Content-Type': 'application/json' },
              body: JSON.stringify({ content: `bar ${i}` }),
            });
            if (r.status !== 429) break;
            const { retry_after } = await r.json();
            await new Promise((resolve) => setTimeout(resolve, retry_after * 1000));
          }
        }
      },
      [id, token],
    );
    await message(ada, 'bar 75').waitFor();
    await ada.reload();
    await message(ada, 'bar 75').waitFor();
    const scroller = log(ada);
    await scroller.hover();
    await until(
      async () => {
        await ada.mouse.wheel(0, -4000);
        return (await ada.getByText('This is the beginning of #rehearsals').count()) > 0;
      },
      'the beginning of the channel',
      20_000,
    );
    const link = await scroller
      .locator('[data-message-id]')
      .filter({ has: ada.locator('.content', { hasText: /^\s*bar 1\s*$/ }) })
      .first()
      .getAttribute('data-message-id');
    await ada.goto(`${ada.url()}/${link}`);
    await until(
      async () => (await ada.evaluate(() => document.activeElement?.getAttribute('data-message-id'))) === link,
      'the linked message has the focus',
    );
    await ada.getByRole('button', { name: /newest|To the end/ }).click();
    await message(ada, 'bar 75').waitFor();
  });

  await test('the quick switcher goes places by keyboard alone', async () => {
    await ada.keyboard.press('Control+k');
    await ada.getByRole('combobox', { name: /Go to/ }).fill('gene');
    await shot(ada, 'switcher');
    await ada.keyboard.press('Enter');
    await ada.getByRole('heading', { name: 'general', level: 1 }).waitFor();
    await ada.keyboard.press('Control+k');
    await ada.getByRole('combobox', { name: /Go to/ }).waitFor();
    await ada.keyboard.press('Escape');
    await ada.getByRole('combobox', { name: /Go to/ }).waitFor({ state: 'detached' });
  });

  await test('someone logs in, finds a channel, writes, replies and reacts without a mouse', async () => {
    const kay = { ...(await person('Kay')), name: 'Ben' };
    const page = kay.page;
    await logIn(kay);
    await rail(page).waitFor();
    await tabTo(page, /The Quintet/);
    await page.keyboard.press('Enter');
    await box(page).waitFor();
    await until(
      () => page.evaluate(() => document.activeElement?.id === 'composer'),
      'the message box takes the focus',
    );
    await page.keyboard.type('typed by hand');
    await page.keyboard.press('Enter');
    await accepted(page, 'typed by hand');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    await tabBackTo(page, /^Messages in/);
    await page.keyboard.press('ArrowUp');
    await until(async () => /typed by hand/.test(await focused(page)), 'the last message has the focus');
    await page.keyboard.press('r');
    await page.getByText('Replying to').waitFor();
    await page.keyboard.type('and answered');
    await page.keyboard.press('Enter');
    await accepted(page, 'and answered');
    await tabBackTo(page, /^Messages in/);
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('+');
    await page.getByRole('dialog', { name: 'Choose an emoji' }).waitFor();
    await page.keyboard.type('heart');
    await page.getByRole('dialog', { name: 'Choose an emoji' }).getByRole('button').nth(1).waitFor();
    await page.keyboard.press('Enter');
    await message(page, 'and answered')
      .getByRole('button', { name: /❤️, 1 reaction/ })
      .waitFor();
    await page.context().close();
  });

  await test('new messages are announced to a screen reader', async () => {
    await channels(ben)
      .getByRole('link', { name: /^general/ })
      .first()
      .click();
    await say(ada, 'Can you **hear** me?');
    await until(
      async () =>
        (await ben.locator('[aria-live="polite"]').allTextContents()).some((t) => t.includes('Can you hear me?')),
      'the announcement',
    );
  });

  await test('dark mode is chosen by hand and kept', async () => {
    await ada.getByRole('button', { name: 'Settings', exact: true }).click();
    await ada.getByRole('dialog').getByRole('tab', { name: 'Appearance' }).click();
    await ada.getByRole('radio', { name: 'Dark' }).check();
    const dark = await ada.evaluate(
      () => getComputedStyle(document.body).getPropertyValue('color-scheme') || document.documentElement.dataset.theme,
    );
    assert(/dark/.test(dark), 'the theme did not change');
    await shot(ada, 'appearance-dark');
    await ada.keyboard.press('Escape');
    await ada.reload();
    await box(ada).waitFor();
    assert((await ada.evaluate(() => document.documentElement.dataset.theme)) === 'dark', 'the theme was forgotten');
  });

  await test('axe finds nothing in either theme', async () => {
    await message(ada, 'Can you hear me?').waitFor();
    for (const theme of ['dark', 'light']) {
      await ada.evaluate((t) => (document.documentElement.dataset.theme = t), theme);
      const found = await violations(ada);
      assert(found.length === 0, `${theme}: ${found.join('\n')}`);
    }
  });

  await test('axe finds nothing in the settings, at home and at the door', async () => {
    await guildMenu(ada, world.guild, 'Community settings');
    const all = [];
    for (const tab of ['Overview', 'Channels', 'Roles', 'Members', 'Webhooks', 'Bots', 'Audit log']) {
      await ada.getByRole('dialog').getByRole('tab', { name: tab }).click();
      await ada.getByRole('tabpanel').getByRole('heading', { name: tab }).waitFor();
      all.push(...(await violations(ada)).map((v) => `${tab} ${v}`));
    }
    await ada.keyboard.press('Escape');
    await rail(ada).getByRole('link', { name: /^Home/ }).click();
    await ada.getByRole('main', { name: 'Friends' }).waitFor();
    all.push(...(await violations(ada)).map((v) => `home ${v}`));
    const stranger = await person('Stranger');
    await stranger.page.goto(`${new URL(ada.url()).origin}/register`);
    await stranger.page.getByRole('heading', { name: 'Join the ensemble' }).waitFor();
    all.push(...(await violations(stranger.page)).map((v) => `register ${v}`));
    await stranger.context.close();
    assert(all.length === 0, all.join('\n'));
  });

  await test('a narrow screen shows the messages, and the lists on demand', async () => {
    await ben.setViewportSize({ width: 390, height: 780 });
    await shot(ben, 'narrow');
    await ben.getByRole('button', { name: 'Open navigation' }).click();
    await channels(ben)
      .getByRole('link', { name: /rehearsals/ })
      .waitFor();
    await shot(ben, 'narrow-nav');
    await channels(ben)
      .getByRole('link', { name: /rehearsals/ })
      .click();
    await message(ben, 'bar 75').waitFor();
    const overflow = await ben.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert(!overflow, 'the page scrolls sideways');
    await ben.setViewportSize({ width: 1280, height: 800 });
  });
}

/** Presses Shift+Tab until the focus is where it should be. */
async function tabBackTo(page, wanted, max = 40) {
  for (let i = 0; i < max; i++) {
    if (wanted.test(await focused(page))) return;
    await page.keyboard.press('Shift+Tab');
  }
  throw new Error(`Shift+Tab never reached ${wanted}`);
}
