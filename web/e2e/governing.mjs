/** Running a community: many messages deleted at once, rights of single members, webhooks, order by dragging. */
import { assert, BASE_URL, shot, test, until } from './harness.mjs';
import { accepted, api, box, channels, guildMenu, message, more, openChannel, placeOf, rail, say } from './person.mjs';

export default async function governing(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;
  const settings = (page) => page.getByRole('dialog', { name: world.guild });
  const openTab = async (tab) => {
    await guildMenu(ada, world.guild, 'Community settings');
    await settings(ada).getByRole('tab', { name: tab }).click();
  };
  const close = async () => {
    await ada.getByRole('button', { name: 'Close settings' }).click();
    await ada.getByRole('dialog').waitFor({ state: 'detached' });
  };

  await test('several messages are chosen and deleted together', async () => {
    for (const page of [ada, ben])
      await rail(page)
        .getByRole('link', { name: new RegExp(world.guild) })
        .first()
        .click();
    await openChannel(ada, 'general');
    await openChannel(ben, 'general');
    for (const text of ['wrong note 1', 'wrong note 2', 'wrong note 3', 'a right note']) await say(ada, text);
    await accepted(ada, 'a right note');
    await message(ben, 'a right note').waitFor();
    await more(ada, 'wrong note 1', 'Select messages');
    for (const text of ['wrong note 2', 'wrong note 3']) await message(ada, text).getByRole('checkbox').check();
    await ada.getByText('3 messages selected').waitFor();
    await shot(ada, 'selecting');
    await ada.getByRole('toolbar', { name: 'Selected messages' }).getByRole('button', { name: 'Delete' }).click();
    await ada.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    for (const page of [ada, ben]) await message(page, 'wrong note').waitFor({ state: 'detached' });
    await message(ben, 'a right note').waitFor();
    await ada.getByRole('toolbar', { name: 'Selected messages' }).waitFor({ state: 'detached' });
    await ada.getByRole('dialog').waitFor({ state: 'detached' });
  });

  let attic;
  await test('a single member is let into a channel, which is then put in step with its category again', async () => {
    const [guild] = placeOf(ada);
    const category = await api(ada, 'POST', `/guilds/${guild}/channels`, { name: 'Upstairs', type: 4 });
    const hidden = { id: guild, type: 0, allow: '0', deny: String(1 << 10) };
    attic = await api(ada, 'POST', `/guilds/${guild}/channels`, {
      name: 'attic',
      type: 0,
      parent_id: category.id,
      permission_overwrites: [hidden],
    });
    await openTab('Channels');
    await settings(ada).getByRole('button', { name: 'Edit attic' }).click();
    const dialog = ada.getByRole('dialog', { name: 'attic' });
    await dialog.getByRole('tab', { name: 'Permissions' }).click();
    await dialog.getByRole('searchbox', { name: 'Add a member' }).fill('Ben');
    await dialog.getByRole('button', { name: 'Add Ben' }).click();
    await dialog.getByRole('radiogroup', { name: 'View channels' }).getByRole('radio', { name: 'Allow' }).click();
    await channels(ben).getByRole('link', { name: /attic/ }).waitFor();
    await dialog.getByText('Not as in the category Upstairs.').waitFor();
    await shot(ada, 'overwrites-member');
    await dialog.getByRole('button', { name: 'Sync with the category' }).click();
    await dialog.getByText('As in the category Upstairs.').waitFor();
    await ada.keyboard.press('Escape');
  });

  await test('channels are put in order by dragging', async () => {
    const [guild] = placeOf(ada);
    const cellar = await api(ada, 'POST', `/guilds/${guild}/channels`, {
      name: 'cellar',
      type: 0,
      parent_id: attic.parent_id,
    });
    const line = (name) => settings(ada).getByRole('listitem').filter({ hasText: name });
    await line('cellar').waitFor();
    await line('cellar').dragTo(line('attic'));
    const order = async () => {
      const all = await api(ada, 'GET', `/guilds/${guild}/channels`);
      const at = (id) => all.find((c) => c.id === id).position;
      return at(cellar.id) < at(attic.id);
    };
    await until(order, 'the cellar is above the attic');
    await shot(ada, 'channels-order');
    await close();
    for (const id of [cellar.id, attic.id, attic.parent_id]) await api(ada, 'DELETE', `/channels/${id}`);
  });

  await test('a webhook is made, posts, is renamed and deleted', async () => {
    await openTab('Webhooks');
    await settings(ada).getByLabel('New webhook').fill('Ticker');
    await settings(ada).getByLabel('Posts in').selectOption({ label: '#general' });
    await settings(ada).getByRole('button', { name: 'Create' }).click();
    await settings(ada).getByRole('button', { name: 'Copy the address of Ticker' }).click();
    const address = await ada.evaluate(() => navigator.clipboard.readText());
    const posted = await fetch(address, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ content: 'said by a webhook' }),
    });
    assert(posted.ok, `the address answers ${posted.status}: ${address}`);
    await message(ben, 'said by a webhook').waitFor();
    await settings(ada).getByRole('button', { name: 'Edit Ticker' }).click();
    await settings(ada).getByRole('textbox', { name: 'Name', exact: true }).fill('Clock');
    await settings(ada).getByRole('button', { name: 'Save changes' }).click();
    await settings(ada).getByRole('button', { name: 'Delete Clock' }).waitFor();
    await shot(ada, 'webhooks');
    await settings(ada).getByRole('button', { name: 'Delete Clock' }).click();
    await ada.getByRole('dialog', { name: 'Delete Clock?' }).getByRole('button', { name: 'Delete' }).click();
    await settings(ada).getByText('There are none.').waitFor();
    await settings(ada).getByRole('tab', { name: 'Bots' }).click();
    await settings(ada).getByRole('heading', { name: 'Bots' }).waitFor();
    await close();
  });

  await test('a channel is deleted from its menu', async () => {
    const { id } = await api(ada, 'POST', `/guilds/${placeOf(ada)[0]}/channels`, { name: 'doomed', type: 0 });
    await channels(ada)
      .getByRole('link', { name: /doomed/ })
      .click({ button: 'right' });
    await ada.getByRole('menuitem', { name: 'Delete the channel' }).click();
    await ada.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await channels(ben)
      .getByRole('link', { name: /doomed/ })
      .waitFor({ state: 'detached' });
    assert(id && BASE_URL, 'no channel');
    await box(ada).waitFor();
  });
}
