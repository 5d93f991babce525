/** Search for messages: words, filters, what may not be read, and the way to what was found. */
import { violations } from './axe.mjs';
import { assert, shot, test, until } from './harness.mjs';
import { accepted, api, message, openChannel, placeOf, rail, say } from './person.mjs';

export default async function searching(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;
  const dialog = (page) => page.getByRole('dialog', { name: /^Search/ });
  const found = (page) => dialog(page).getByRole('list', { name: 'Found messages' }).getByRole('listitem');
  const search = async (page, text) => {
    if (!(await dialog(page).count())) await page.getByRole('button', { name: 'Search for messages' }).click();
    await dialog(page).getByRole('searchbox').fill(text);
  };

  await test('messages are found by words and by who wrote them, and lead to their place', async () => {
    for (const page of [ada, ben]) {
      await rail(page)
        .getByRole('link', { name: new RegExp(world.guild) })
        .first()
        .click();
      await openChannel(page, 'general');
    }
    await say(ada, 'the lighthouse keeper sings');
    await accepted(ada, 'the lighthouse keeper sings');
    await say(ben, 'two lighthouses, مرحبا');
    await accepted(ben, 'two lighthouses, مرحبا');
    const made = await api(ada, 'POST', `/guilds/${placeOf(ada)[0]}/channels`, { name: 'elsewhere' });
    await openChannel(ada, 'elsewhere');
    await search(ada, 'lighthouse');
    await until(async () => (await found(ada).count()) === 2, 'both messages');
    await shot(ada, 'search');
    const faults = await violations(ada, 'dialog[open]');
    assert(faults.length === 0, faults.join('\n'));
    await search(ada, `lighthouse from:${world.ben.name}`);
    await until(async () => (await found(ada).count()) === 1, 'the one by Ben');
    await search(ada, 'lighthouse has:wings');
    await dialog(ada)
      .getByText(/may have one of/)
      .waitFor();
    await search(ada, '"keeper sings"');
    await until(async () => (await found(ada).count()) === 1, 'the phrase');
    await found(ada).first().getByRole('link').click();
    await message(ada, 'the lighthouse keeper sings').waitFor();
    assert(!(await dialog(ada).count()), 'the search is closed');
    await api(ada, 'DELETE', `/channels/${made.id}`);
  });

  await test('what may not be read is not found, and what is changed is found as it is', async () => {
    const [guild] = placeOf(ada);
    const hidden = await api(ada, 'POST', `/guilds/${guild}/channels`, {
      name: 'hidden-cellar',
      permission_overwrites: [{ id: guild, type: 0, deny: '1024' }],
    });
    const secret = await api(ada, 'POST', `/channels/${hidden.id}/messages`, { content: 'the lighthouse is ours' });
    await search(ada, 'lighthouse ours');
    await until(async () => (await found(ada).count()) === 1, 'the secret');
    await search(ben, 'lighthouse ours');
    await dialog(ben).getByText('Nothing was found.').waitFor();
    await shot(ben, 'search-nothing');
    await api(ada, 'PATCH', `/channels/${hidden.id}/messages/${secret.id}`, { content: 'nothing at all' });
    await search(ada, 'lighthouse  ours');
    await dialog(ada).getByText('Nothing was found.').waitFor();
    for (const page of [ada, ben]) {
      await page.keyboard.press('Escape');
      await dialog(page).waitFor({ state: 'detached' });
    }
    await api(ada, 'DELETE', `/channels/${hidden.id}`);
  });
}
