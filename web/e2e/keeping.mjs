import { assert, test, until } from './harness.mjs';
import {
  accepted,
  act,
  api,
  box,
  channels,
  log,
  message,
  openChannel,
  picture,
  placeOf,
  rail,
  say,
} from './person.mjs';

const POSTS = '**/api/v10/channels/*/messages';
const isPost = (route) => route.request().method() === 'POST';

export default async function keeping(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;
  for (const page of [ada, ben]) {
    await rail(page)
      .getByRole('link', { name: new RegExp(world.guild) })
      .click();
    await openChannel(page, 'general');
    await box(page).waitFor();
  }

  await test('what was written while the server was away goes out by itself, in order and once', async () => {
    await ben.route(POSTS, (route) => (isPost(route) ? route.abort() : route.fallback()));
    for (const text of ['tunnel one', 'tunnel two']) await say(ben, text);
    await message(ben, 'tunnel two').getByText('Goes out by itself').waitFor();
    await ben.unroute(POSTS);
    await ben.evaluate(() => dispatchEvent(new Event('online')));
    await message(ada, 'tunnel two').waitFor();
    const texts = (await log(ada).locator('[data-message-id] .content').allTextContents())
      .map((t) => t.trim())
      .filter((t) => t.startsWith('tunnel'));
    assert(texts.join() === 'tunnel one,tunnel two', `got ${texts.join()}`);
    await accepted(ben, 'tunnel two');
  });

  await test('it outlives the page', async () => {
    await ben.route(POSTS, (route) => (isPost(route) ? route.abort() : route.fallback()));
    await say(ben, 'said before the crash');
    await say(ben, 'and this one after');
    await message(ben, 'and this one after').getByText('Goes out by itself').waitFor();
    await ben.reload();
    await message(ben, 'and this one after').waitFor();
    await ben.unroute(POSTS);
    await ben.evaluate(() => dispatchEvent(new Event('online')));
    await message(ada, 'and this one after').waitFor();
    await accepted(ben, 'and this one after');
    for (const text of ['said before the crash', 'and this one after'])
      assert((await log(ada).getByText(text).count()) === 1, `“${text}” is there twice`);
  });

  await test('an edit that is refused stays in its box', async () => {
    await say(ben, 'short words');
    await accepted(ben, 'short words');
    await act(ben, 'short words', 'Edit');
    const edit = ben.getByLabel('Edit message');
    await edit.fill('x'.repeat(2100));
    await ben.getByText('100 characters too many').waitFor();
    await edit.press('Enter');
    assert((await edit.inputValue()).length === 2100, 'the text was lost');
    await edit.fill('words of the evening');
    const one = '**/api/v10/channels/*/messages/*';
    await ben.route(one, (route) =>
      route.request().method() === 'PATCH'
        ? route.fulfill({ status: 500, contentType: 'application/json', body: '{"code":0,"message":"The bow broke"}' })
        : route.fallback(),
    );
    await edit.press('Enter');
    await ben.getByText('Not saved: The bow broke').waitFor();
    assert((await edit.inputValue()) === 'words of the evening', 'the text was lost');
    await ben.unroute(one);
    await edit.press('Enter');
    await message(ada, 'words of the evening').waitFor();
  });

  await test('an upload holds nothing back, and can be cancelled', async () => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await ada.route(POSTS, async (route) => {
      if (!isPost(route) || !/multipart/.test(route.request().headers()['content-type'] ?? '')) return route.fallback();
      await held;
      await route.fallback().catch(() => {});
    });
    await ada
      .getByTestId('file-input')
      .setInputFiles({ name: 'score.png', mimeType: 'image/png', buffer: await picture(ada, 64, 64, '#346') });
    await say(ada, 'The whole score');
    await say(ada, 'words after the file');
    await message(ben, 'words after the file').waitFor();
    await message(ada, 'The whole score').getByRole('button', { name: 'Cancel' }).click();
    await message(ada, 'The whole score').waitFor({ state: 'detached' });
    release();
    await ada.unroute(POSTS);
  });

  await test('files that wait are there when the channel is come back to', async () => {
    await ada
      .getByTestId('file-input')
      .setInputFiles({ name: 'kept.txt', mimeType: 'text/plain', buffer: Buffer.from('la') });
    await ada.getByRole('list', { name: 'Files to send' }).getByText('kept.txt').waitFor();
    await openChannel(ada, 'rehearsals');
    await ada.getByRole('list', { name: 'Files to send' }).waitFor({ state: 'detached' });
    await openChannel(ada, 'general');
    await ada.getByRole('button', { name: 'Remove kept.txt' }).click();
  });

  await test('a letter typed elsewhere goes to the box, and so does what is pasted', async () => {
    await ben.getByRole('button', { name: 'Members', exact: true }).click();
    await ben.getByRole('button', { name: 'Members', exact: true }).click();
    await ben.keyboard.type('hello');
    await until(async () => (await box(ben).inputValue()) === 'hello', 'the letters are in the box');
    await ben.getByRole('button', { name: 'Pinned messages' }).focus();
    await ben.evaluate(() => {
      const data = new DataTransfer();
      data.setData('text/plain', ' there');
      document.activeElement.dispatchEvent(
        new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
      );
    });
    await until(async () => (await box(ben).inputValue()) === 'hello there', 'the pasted words are in the box');
    await box(ben).fill('');
  });

  await test('a link whose text names another address asks before it opens', async () => {
    await say(
      ada,
      '[https://bank.example/login](https://evil.example/x "bank") and [plain words](https://example.org/)',
    );
    const row = message(ben, 'plain words');
    await row.waitFor();
    const link = row.getByRole('link', { name: 'https://bank.example/login' });
    assert((await link.getAttribute('title')) === 'https://evil.example/x', 'the author chose the tooltip');
    await link.click();
    const dialog = ben.getByRole('dialog', { name: 'This link leads somewhere else' });
    await dialog.getByText('evil.example').first().waitFor();
    await dialog.getByRole('button', { name: 'Stay here' }).click();
    await dialog.waitFor({ state: 'detached' });
    const popup = ben.context().waitForEvent('page');
    await row.getByRole('link', { name: 'plain words' }).click();
    await (await popup).close();
  });

  await test('with many roles there is still room for people behind an @', async () => {
    const [guild] = placeOf(ada);
    for (let i = 1; i <= 7; i++)
      await api(ada, 'POST', `/guilds/${guild}/roles`, { name: `choir ${i}`, mentionable: true });
    await box(ada).fill('');
    await box(ada).pressSequentially('@');
    const list = ada.getByRole('listbox', { name: 'People' });
    await list.getByRole('option', { name: /Ben/ }).waitFor();
    await until(
      async () => (await list.getByRole('option', { name: /@choir|@everyone/ }).count()) > 0,
      'roles are there too',
    );
    await box(ada).fill('');
  });

  await test('right-to-left text is read from the right', async () => {
    await say(ada, 'مرحبا `code` 123');
    const p = message(ben, 'مرحبا').locator('.md p').first();
    await p.waitFor();
    const { direction, align } = await p.evaluate((e) => ({
      direction: e.matches(':dir(rtl)'),
      align: getComputedStyle(e).textAlign,
    }));
    assert(direction && align === 'start', `direction ${direction}, ${align}`);
    await box(ben).fill('مرحبا');
    assert(await box(ben).evaluate((e) => e.matches(':dir(rtl)')), 'the box is read from the left');
    await box(ben).fill('');
  });

  await test('a group is left only after a question', async () => {
    const [adaId, benId] = await Promise.all([ada, ben].map(async (page) => (await api(page, 'GET', '/users/@me')).id));
    const group = await api(ada, 'POST', '/users/@me/channels', { recipients: [benId], name: 'Trio' });
    assert(group.id && adaId, 'no conversation');
    if (group.type !== 3) return;
    await rail(ada).getByRole('link', { name: /^Home/ }).click();
    await ada.getByRole('button', { name: 'Leave the group Trio' }).click();
    await ada.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await ada.getByRole('button', { name: 'Leave the group Trio' }).waitFor();
    await channels(ben).waitFor();
  });
}
