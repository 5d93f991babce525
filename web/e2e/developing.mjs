/** What somebody does who writes a bot: all of it from the page, then the bot itself. */
import { assert, BASE_URL, shot, test, until } from './harness.mjs';
import { Bot } from './bot.mjs';
import { api, box, log, openChannel, picture, placeOf, rail } from './person.mjs';

export default async function developing(world) {
  const ada = world.ada.page;
  const dialog = ada.getByRole('dialog', { name: 'Settings' });
  const card = dialog.getByRole('listitem').filter({ hasText: 'Cue' });
  let bot;

  await test('a bot is made, and works as it was made', async () => {
    await ada.getByRole('button', { name: 'Settings', exact: true }).click();
    await dialog.getByRole('tab', { name: 'Developer' }).click();
    await dialog.getByLabel('New application').fill('Cue');
    await dialog.getByRole('button', { name: 'Create with bot' }).click();
    const token = await until(() => card.getByTestId('bot-token').inputValue(), 'the token');
    await card.getByText('Permissions it asks for when invited').click();
    await card.getByRole('checkbox', { name: 'Manage messages' }).check();
    await shot(ada, 'developer-permissions');
    await card.getByRole('button', { name: 'Add to a community' }).click();
    await ada.getByRole('heading', { name: 'Add Cue' }).waitFor();
    assert(await ada.getByRole('checkbox', { name: /Manage messages/ }).isChecked(), 'it does not ask for it');
    await ada.getByLabel('Community').selectOption({ label: world.guild });
    await ada.getByRole('button', { name: 'Add to community' }).click();
    await ada.getByRole('button', { name: 'Go there' }).click();
    await openChannel(ada, 'general');
    // What the README's examples do: the intents of guilds, their messages, and what is in them.
    bot = new Bot(token);
    await bot.connect((1 << 0) | (1 << 9) | (1 << 15), (t, d) => {
      if (t === 'MESSAGE_CREATE' && d.content === 'ping') {
        const message_reference = { message_id: d.id };
        void bot.rest('POST', `/channels/${d.channel_id}/messages`, { content: 'pong', message_reference });
      }
    });
    await box(ada).fill('ping');
    await box(ada).press('Enter');
    await log(ada).getByText('pong', { exact: true }).waitFor();
  });

  await test('its commands are listed and deleted, and its emoji uploaded', async () => {
    const me = await bot.rest('GET', '/users/@me');
    await bot.rest('PUT', `/applications/${me.id}/commands`, [{ name: 'cue', description: 'Gives the cue' }]);
    await ada.getByRole('button', { name: 'Settings', exact: true }).click();
    await dialog.getByRole('tab', { name: 'Developer' }).click();
    await card.getByText('Commands it has registered everywhere').click();
    await card.getByText('Gives the cue').waitFor();
    await card.getByRole('button', { name: 'Delete cue' }).click();
    await ada.getByRole('dialog', { name: 'Delete cue?' }).getByRole('button', { name: 'Delete' }).click();
    await card.getByText('None. A bot registers them itself').waitFor();
    await card.getByText('Emoji that only it can use').click();
    const buffer = await picture(ada, 64, 64, '#6a4c93');
    await card.getByTestId('app-emoji-input').setInputFiles({ name: 'baton.png', mimeType: 'image/png', buffer });
    await card.getByRole('button', { name: 'Delete baton' }).waitFor();
    await shot(ada, 'developer-emoji');
  });

  await test('an endpoint that the server does not take is refused at its field, and a new token ends the old one', async () => {
    await card.getByText('What it is, and where its interactions go').click();
    await card.getByLabel('Description').fill('Gives cues.');
    await card.getByLabel('Interactions endpoint').fill('https://bot.example/interactions');
    await card.getByRole('button', { name: 'Save changes' }).click();
    await card
      .locator('#' + (await card.getByLabel('Interactions endpoint').getAttribute('aria-describedby')))
      .waitFor();
    await until(
      async () => (await card.getByLabel('Interactions endpoint').getAttribute('aria-invalid')) === 'true',
      'it is refused',
    );
    await card.getByLabel('Interactions endpoint').fill('');
    await card.getByRole('button', { name: 'Save changes' }).click();
    await ada.getByText('Saved').first().waitFor();
    const closed = bot.ended();
    await card.getByRole('button', { name: 'New token' }).click();
    await ada
      .getByRole('dialog', { name: 'Make a new token?' })
      .getByRole('button', { name: 'Make a new token' })
      .click();
    await until(() => card.getByTestId('bot-token').inputValue(), 'the new token');
    assert((await closed) === 4004, 'the old token still works');
    await ada.keyboard.press('Escape');
    const [guild] = placeOf(ada);
    assert((await api(ada, 'GET', `/guilds/${guild}`)).id && BASE_URL, 'the community is there');
    await rail(ada).waitFor();
  });
}
