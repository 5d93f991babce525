import { assert, shot, test, until } from './harness.mjs';
import { accepted, act, box, log, message, more, picture, say } from './person.mjs';

export default async function chat(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;

  await test('messages go live both ways, and following ones are grouped', async () => {
    await say(ada, 'Good evening, everyone');
    await message(ben, 'Good evening, everyone').waitFor();
    await say(ben, 'Hello Ada!');
    await message(ada, 'Hello Ada!').waitFor();
    await say(ada, 'First of two');
    await say(ada, 'Second of two');
    await accepted(ada, 'Second of two');
    await until(
      async () => /grouped/.test((await message(ben, 'Second of two').getAttribute('class')) ?? ''),
      'the second is grouped',
    );
    assert((await log(ada).getByText('Second of two').count()) === 1, 'the message is shown twice to its author');
  });

  await test('messages keep the order they were written in', async () => {
    for (let i = 1; i <= 6; i++) await say(ada, `note ${i}`);
    await accepted(ada, 'note 6');
    await message(ben, 'note 6').waitFor();
    for (const page of [ada, ben]) {
      const texts = await log(page).locator('[data-message-id] .content').allTextContents();
      const notes = texts.map((t) => t.trim()).filter((t) => t.startsWith('note '));
      assert(notes.join() === [1, 2, 3, 4, 5, 6].map((n) => `note ${n}`).join(), `out of order: ${notes.join()}`);
    }
  });

  await test('markup is drawn', async () => {
    await say(
      ada,
      '# Programme\n**bold** *italic* __under__ ~~gone~~ ||secret|| `code`\n> a quotation\n- one\n- two\n```rs\nfn main() {}\n```\n<t:1700000000:D> https://example.org [masked](https://example.com)',
    );
    const row = message(ben, 'Programme');
    await row.waitFor();
    for (const selector of ['strong', 'em', 'u', 's', 'blockquote', 'ul li', 'pre code', 'time.stamp'])
      assert((await row.locator(selector).count()) > 0, `no ${selector}`);
    assert(
      (await row.getByRole('link', { name: 'masked' }).getAttribute('rel'))?.includes('noopener'),
      'a link gives itself away',
    );
    await row.getByRole('button', { name: 'Show the spoiler' }).click();
    await row.getByText('secret').waitFor();
  });

  await test('markup cannot inject elements', async () => {
    await say(
      ada,
      '<img src=x onerror="window.pwned=1"> [x](javascript:window.pwned=1) <script>window.pwned=1</script>',
    );
    const row = message(ben, 'onerror');
    await row.waitFor();
    assert((await row.locator('.content img, .content script').count()) === 0, 'HTML came through');
    assert(!(await ben.evaluate(() => 'pwned' in window)), 'a script ran');
  });

  await test('a reply shows what it answers', async () => {
    await act(ben, 'First of two', 'Reply');
    await ben.getByText('Replying to').waitFor();
    await say(ben, 'An answer');
    const row = message(ada, 'An answer');
    await row.getByRole('button', { name: 'Replies to Ada. Go to that message' }).waitFor();
    await until(async () => /mentioned/.test((await row.getAttribute('class')) ?? ''), 'the reply mentions its author');
  });

  await test('an edit reaches the other, from the arrow key on', async () => {
    await box(ben).focus();
    await box(ben).press('ArrowUp');
    const edit = ben.getByLabel('Edit message');
    await edit.fill('A better answer');
    await edit.press('Enter');
    await message(ada, 'A better answer').getByText('(edited)').waitFor();
  });

  await test('an edit that the server takes late leaves open what was opened meanwhile', async () => {
    let go;
    const held = new Promise((resolve) => (go = resolve));
    const late = async (route) => {
      if (route.request().method() === 'PATCH') await held;
      await route.fallback();
    };
    await ben.route('**/channels/*/messages/*', late);
    await act(ben, 'A better answer', 'Edit');
    const edit = ben.getByLabel('Edit message');
    await edit.fill('A much better answer');
    await edit.press('Enter');
    await act(ben, 'Second of two', 'More actions');
    const item = ben.getByRole('menuitem', { name: 'Copy text' });
    await item.waitFor();
    go();
    await edit.waitFor({ state: 'detached' });
    await message(ada, 'A much better answer').waitFor();
    assert(await item.isVisible(), 'the menu was closed');
    await ben.keyboard.press('Escape');
    await item.waitFor({ state: 'detached' });
    await ben.unroute('**/channels/*/messages/*', late);
  });

  await test('deleting asks first, then takes the message away for both', async () => {
    await say(ben, 'To be forgotten');
    await message(ada, 'To be forgotten').waitFor();
    await accepted(ben, 'To be forgotten');
    await more(ben, 'To be forgotten', 'Delete');
    await ben.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await message(ben, 'To be forgotten').waitFor();
    await more(ben, 'To be forgotten', 'Delete');
    await ben.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await message(ada, 'To be forgotten').waitFor({ state: 'detached' });
    await message(ben, 'To be forgotten').waitFor({ state: 'detached' });
  });

  await test('a reaction is counted for both, and taken back', async () => {
    await act(ada, 'Hello Ada!', 'Add reaction');
    const picker = ada.getByRole('dialog', { name: 'Choose an emoji' });
    await picker.getByLabel('Find an emoji').fill('tada');
    await picker.getByRole('button', { name: 'tada', exact: true }).first().click();
    const seen = message(ben, 'Hello Ada!').getByRole('button', { name: /🎉, 1 reaction/ });
    await seen.click();
    await message(ada, 'Hello Ada!')
      .getByRole('button', { name: /🎉, 2 reactions, yours included/ })
      .waitFor();
    await message(ben, 'Hello Ada!')
      .getByRole('button', { name: /🎉, 2 reactions/ })
      .click();
    await message(ada, 'Hello Ada!')
      .getByRole('button', { name: /🎉, 1 reaction, yours included/ })
      .waitFor();
  });

  await test('a picture is sent with a preview, takes its place before it loads, and opens large', async () => {
    const file = { name: 'stage light.png', mimeType: 'image/png', buffer: await picture(ada, 640, 400, '#0c6a5b') };
    await ada
      .getByTestId('file-input')
      .setInputFiles([file, { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('do re mi') }]);
    await ada.getByRole('list', { name: 'Files to send' }).getByText('stage light.png').waitFor();
    await say(ada, 'From the rehearsal');
    await accepted(ada, 'From the rehearsal');
    const row = message(ben, 'From the rehearsal');
    const image = row.locator('.attachments img').first();
    await image.waitFor();
    await until(() => image.evaluate((i) => i.complete && i.naturalWidth > 0), 'the picture loads');
    assert(
      (await image.getAttribute('width')) === '480' && (await image.getAttribute('height')) === '300',
      'the place of the picture is not known beforehand',
    );
    assert(/notes\.txt/.test(await row.innerText()), 'the second file is missing');
    await row.getByRole('button', { name: /Open image/ }).click();
    await ben.getByTestId('lightbox').waitFor();
    await shot(ben, 'lightbox');
    await ben.keyboard.press('Escape');
    await ben.getByTestId('lightbox').waitFor({ state: 'detached' });
  });

  await test('a pasted picture waits in the tray and can be removed', async () => {
    const bytes = [...(await picture(ada, 20, 20, '#a33'))];
    await box(ada).evaluate((node, data) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(data)], 'pasted.png', { type: 'image/png' }));
      node.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true }));
    }, bytes);
    await ada.getByRole('button', { name: 'Remove pasted.png' }).click();
    await ada.getByRole('list', { name: 'Files to send' }).waitFor({ state: 'detached' });
  });

  await test('names are completed and become mentions', async () => {
    await box(ada).fill('');
    await box(ada).pressSequentially('bravo @be');
    await ada.getByRole('listbox', { name: 'People' }).getByRole('option', { name: /Ben/ }).waitFor();
    await box(ada).press('Enter');
    await box(ada).pressSequentially('in #gen');
    await ada.getByRole('listbox', { name: 'Channels' }).getByRole('option').first().waitFor();
    await box(ada).press('Tab');
    await box(ada).pressSequentially(':tad');
    await ada
      .getByRole('listbox', { name: 'Emoji' })
      .getByRole('option', { name: /:tada:/ })
      .waitFor();
    await box(ada).press('Enter');
    await box(ada).press('Enter');
    const row = message(ben, 'bravo');
    await row.getByRole('button', { name: '@Ben' }).waitFor();
    await row.getByRole('link', { name: '#general' }).waitFor();
    assert((await row.innerText()).includes('🎉'), 'the emoji is missing');
    await until(async () => /mentioned/.test((await row.getAttribute('class')) ?? ''), 'the mention stands out');
    await shot(ada, 'chat-light');
    await shot(ben, 'chat-dark');
  });

  await test('a pin is listed and leads to its message', async () => {
    await more(ada, 'From the rehearsal', 'Pin');
    await ada.getByRole('button', { name: 'Pinned messages' }).click();
    const panel = ada.getByRole('complementary', { name: 'Pinned messages' });
    await panel.getByText('From the rehearsal').waitFor();
    await shot(ada, 'pins');
    await panel.getByRole('button', { name: 'Go to message' }).click();
    await until(
      async () => (await ada.evaluate(() => document.activeElement?.textContent ?? '')).includes('From the rehearsal'),
      'the message has the focus',
    );
  });

  await test('a thread is started from a message and talked in', async () => {
    await more(ada, 'bravo', 'Start a thread');
    await ada.getByRole('dialog').getByLabel('Name').fill('Seating plan');
    await ada.getByRole('dialog').getByRole('button', { name: 'Start' }).click();
    await ada.getByRole('heading', { name: 'Seating plan', level: 1 }).waitFor();
    await say(ada, 'Where does the cello sit?');
    await accepted(ada, 'Where does the cello sit?');
    await message(ben, 'bravo')
      .getByRole('link', { name: /Seating plan/ })
      .click();
    await message(ben, 'Where does the cello sit?').waitFor();
    await say(ben, 'On the left');
    await message(ada, 'On the left').waitFor();
    await shot(ben, 'thread-dark');
    for (const page of [ada, ben])
      await page
        .getByRole('navigation', { name: 'Channels' })
        .getByRole('link', { name: /^general/ })
        .first()
        .click();
    await message(ada, 'bravo').waitFor();
    await message(ben, 'bravo').waitFor();
    await ada.getByRole('button', { name: /^Threads/ }).click();
    await ada
      .getByRole('complementary', { name: 'Threads' })
      .getByRole('link', { name: /Seating plan/ })
      .waitFor();
    await ada.keyboard.press('Escape');
  });

  await test('a draft is kept per channel and over a reload', async () => {
    await box(ada).fill('half a thought');
    await ada.reload();
    await box(ada).waitFor();
    await until(async () => (await box(ada).inputValue()) === 'half a thought', 'the draft');
    await box(ada).fill('');
  });

  await test('a message that cannot be sent says so and goes out on retry', async () => {
    await ada.route('**/api/v10/channels/*/messages', (route) =>
      route.request().method() === 'POST'
        ? route.fulfill({ status: 400, contentType: 'application/json', body: '{"code":0,"message":"No luck"}' })
        : route.fallback(),
    );
    await say(ada, 'Stubborn message');
    const row = message(ada, 'Stubborn message');
    await row.getByText('Not sent: No luck').waitFor();
    await ada.unroute('**/api/v10/channels/*/messages');
    await row.getByRole('button', { name: 'Retry' }).click();
    await message(ben, 'Stubborn message').waitFor();
    assert((await log(ada).getByText('Stubborn message').count()) === 1, 'shown twice');
  });
}
