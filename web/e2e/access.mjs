import { assert, person, shot, test, until } from './harness.mjs';
import { accepted, box, channels, log, logIn, message, openChannel, rail, say } from './person.mjs';

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
    await openChannel(ada, 'overture');
    await message(ada, 'unheard').waitFor();
    await ada.reload();
    await message(ada, 'unheard').waitFor();
    const scroller = log(ada);
    await scroller.hover();
    await until(async () => {
      await ada.mouse.wheel(0, -4000);
      return (await ada.getByText('This is the beginning of #overture').count()) > 0;
    }, 'the beginning of the channel');
    const first = message(ada, 'flood 1.');
    const link = await first.getAttribute('data-message-id');
    await ada.goto(`${ada.url()}/${link}`);
    await until(
      async () => (await ada.evaluate(() => document.activeElement?.getAttribute('data-message-id'))) === link,
      'the linked message has the focus',
    );
    await ada.getByRole('button', { name: /newest|To the end/ }).click();
    await message(ada, 'unheard').waitFor();
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

  await test('a narrow screen shows the messages, and the lists on demand', async () => {
    await ben.setViewportSize({ width: 390, height: 780 });
    await shot(ben, 'narrow');
    await ben.getByRole('button', { name: 'Open navigation' }).click();
    await channels(ben)
      .getByRole('link', { name: /overture/ })
      .waitFor();
    await shot(ben, 'narrow-nav');
    await channels(ben)
      .getByRole('link', { name: /overture/ })
      .click();
    await message(ben, 'unheard').waitFor();
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
