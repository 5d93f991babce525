/** What waits for somebody who was away, and the page without a network. */
import { assert, BASE_URL, shot, test, until } from './harness.mjs';
import { accepted, api, box, channels, message, placeOf, rail, say } from './person.mjs';

export default async function away(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;
  const inbox = (page) => page.getByRole('dialog', { name: 'Inbox' });

  await test('the inbox holds what calls, goes there, and is emptied', async () => {
    for (const page of [ada, ben]) await page.goto(`${BASE_URL}/channels/@me`);
    await rail(ben)
      .getByRole('button', { name: /^Inbox/ })
      .waitFor();
    await rail(ada)
      .getByRole('link', { name: new RegExp(world.guild) })
      .first()
      .click();
    await box(ada).waitFor();
    const { id } = await api(ben, 'GET', '/users/@me');
    const [, channel] = placeOf(ada);
    await api(ada, 'POST', `/channels/${channel}/messages`, { content: `<@${id}> the cellos are early` });
    await api(ada, 'POST', `/channels/${channel}/messages`, { content: 'and the violas late' });
    await rail(ben)
      .getByRole('button', { name: /^Inbox, \d+ mentions?/ })
      .click();
    await inbox(ben)
      .getByRole('button', { name: /the cellos are early/ })
      .waitFor();
    assert(
      (await inbox(ben).getByText('and the violas late').count()) === 0,
      'what calls nobody is among the mentions',
    );
    await shot(ben, 'inbox-dark');
    await inbox(ben).getByRole('tab', { name: 'Unread' }).click();
    await inbox(ben)
      .getByRole('button', { name: /the violas late/ })
      .waitFor();
    await inbox(ben)
      .getByRole('button', { name: /the cellos are early/ })
      .click();
    await message(ben, 'the cellos are early').waitFor();
    await rail(ben)
      .getByRole('button', { name: /^Inbox/ })
      .click();
    await inbox(ben).getByRole('tab', { name: 'Mentions' }).waitFor();
    await inbox(ben)
      .getByRole('button', { name: /the cellos are early/ })
      .waitFor({ state: 'detached' });
    // Earlier conversations may call as well.
    const all = inbox(ben).getByRole('button', { name: 'Mark all as read' });
    if (await all.count()) await all.click();
    await inbox(ben).getByText('Nobody has called you').waitFor();
    await ben.keyboard.press('Escape');
    await inbox(ben).waitFor({ state: 'detached' });
  });

  await test('a list says what is unread out of sight', async () => {
    const [guild] = placeOf(ada);
    const made = [];
    for (let i = 1; i <= 24; i++)
      made.push(await api(ada, 'POST', `/guilds/${guild}/channels`, { name: `desk-${i}`, type: 0 }));
    await channels(ben)
      .getByRole('link', { name: /desk-24/ })
      .waitFor({ state: 'attached' });
    await api(ada, 'POST', `/channels/${made.at(-1).id}/messages`, { content: 'far below' });
    await channels(ben).getByRole('button', { name: '1 unread below' }).click();
    await channels(ben).getByRole('button', { name: '1 unread below' }).waitFor({ state: 'detached' });
    await channels(ben)
      .getByRole('link', { name: /desk-24.*unread/ })
      .click();
    await message(ben, 'far below').waitFor();
    for (const { id } of made) await api(ada, 'DELETE', `/channels/${id}`);
    await channels(ben)
      .getByRole('link', { name: /desk-1$/ })
      .waitFor({ state: 'detached' });
  });

  await test('the shortcuts are listed, and keys go from channel to channel', async () => {
    await ada.keyboard.press('Control+/');
    const list = ada.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await list.getByText('Edit your last message').waitFor();
    await shot(ada, 'shortcuts');
    await ada.keyboard.press('Escape');
    await list.waitFor({ state: 'detached' });
    const before = ada.url();
    const { id } = await api(ada, 'POST', `/guilds/${placeOf(ada)[0]}/channels`, { name: 'annex', type: 0 });
    await channels(ada).getByRole('link', { name: /annex/ }).waitFor();
    await ada.keyboard.press('Alt+ArrowUp');
    await until(() => ada.url() !== before, 'another channel');
    await ada.keyboard.press('Alt+ArrowDown');
    await until(() => ada.url() === before, 'back again');
    await api(ada, 'DELETE', `/channels/${id}`);
  });

  await test('the page can be installed', async () => {
    const manifest = await ada.evaluate(async () =>
      (await fetch(document.querySelector('link[rel=manifest]').href)).json(),
    );
    for (const icon of manifest.icons) {
      const answer = await ada.evaluate(async (src) => (await fetch(src)).headers.get('content-type'), icon.src);
      assert(answer === icon.type, `${icon.src} is ${answer}`);
    }
    await until(
      () => ada.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.active?.state === 'activated'),
      'the worker',
    );
  });

  await test('what is written without a network, in a page opened without one, goes out once when it is back', async () => {
    // The first visit with the worker in place is kept a moment after it was drawn.
    await until(
      () => ben.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.active?.state === 'activated'),
      'the worker',
    );
    await rail(ben)
      .getByRole('link', { name: new RegExp(world.guild) })
      .first()
      .click();
    await box(ben).waitFor();
    await until(
      () =>
        ben.evaluate(
          () =>
            new Promise((resolve) => {
              const open = indexedDB.open('consort', 1);
              open.onsuccess = () => {
                const get = open.result.transaction('kept').objectStore('kept').get('ready');
                get.onsuccess = () => (open.result.close(), resolve(!!get.result));
              };
            }),
        ),
      'READY is kept',
    );
    await ben.context().setOffline(true);
    await ben.reload();
    await box(ben).waitFor();
    await ben.getByText('Reconnecting…').waitFor();
    await shot(ben, 'offline-dark');
    await say(ben, 'written in the tunnel');
    await message(ben, 'written in the tunnel').waitFor();
    await ben.reload();
    await message(ben, 'written in the tunnel').waitFor();
    await ben.context().setOffline(false);
    await accepted(ben, 'written in the tunnel');
    await message(ben, 'the cellos are early').waitFor();
    const found = await until(async () => {
      const list = await api(ada, 'GET', `/channels/${placeOf(ben)[1]}/messages?limit=20`);
      return list.filter((m) => m.content === 'written in the tunnel').length;
    }, 'it arrives');
    assert(found === 1, `it arrived ${found} times`);
  });
}
