import { assert, shot, test, until } from './harness.mjs';
import { accepted, box, channels, guildMenu, message, picture, rail, say } from './person.mjs';

export default async function communities(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;
  const settings = (page) => page.getByRole('dialog', { name: world.guild });
  const openTab = async (page, tab) => {
    await guildMenu(page, world.guild, 'Community settings');
    await settings(page).getByRole('tab', { name: tab }).click();
  };
  const close = async (page) => {
    await page.getByRole('button', { name: 'Close settings' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  };

  await test('a channel is created and seen by the other at once', async () => {
    for (const page of [ada, ben])
      await rail(page)
        .getByRole('link', { name: new RegExp(world.guild) })
        .click();
    await guildMenu(ada, world.guild, 'Create channel');
    await ada.getByRole('dialog').getByLabel('Name').fill('rehearsals');
    await ada.getByRole('dialog').getByRole('button', { name: 'Create', exact: true }).click();
    await ada.getByRole('heading', { name: 'rehearsals', level: 1 }).waitFor();
    await channels(ben)
      .getByRole('link', { name: /rehearsals/ })
      .waitFor();
  });

  await test('a private channel stays hidden from the other', async () => {
    await guildMenu(ada, world.guild, 'Create channel');
    const dialog = ada.getByRole('dialog');
    await dialog.getByLabel('Name').fill('backstage');
    await dialog.getByRole('switch', { name: 'Private' }).check();
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await ada.getByRole('heading', { name: 'backstage', level: 1 }).waitFor();
    await say(ada, 'Nobody hears this');
    await accepted(ada, 'Nobody hears this');
    // The next event everyone sees comes after the hidden ones.
    await channels(ada)
      .getByRole('link', { name: /rehearsals/ })
      .click();
    await say(ada, 'Everyone hears this');
    await channels(ben)
      .getByRole('link', { name: /rehearsals.*unread/ })
      .waitFor();
    assert(
      (await channels(ben)
        .getByRole('link', { name: /backstage/ })
        .count()) === 0,
      'the hidden channel is shown',
    );
  });

  await test('a role with colour and hoist is made, given, and shown', async () => {
    await openTab(ada, 'Roles');
    await settings(ada).getByRole('button', { name: 'New role' }).click();
    await settings(ada).getByRole('textbox', { name: 'Name' }).fill('Conductors');
    await settings(ada).getByRole('button', { name: '#b5446e' }).click();
    await settings(ada).getByRole('switch', { name: 'Show members apart' }).check();
    await settings(ada).getByRole('switch', { name: 'Anyone may mention it' }).check();
    await settings(ada).getByRole('switch', { name: 'Manage messages' }).check();
    await shot(ada, 'roles');
    await settings(ada).getByRole('button', { name: 'Save changes' }).click();
    await ada.getByText('Saved').first().waitFor();
    await settings(ada).getByRole('tab', { name: 'Members' }).click();
    await settings(ada).getByRole('button', { name: 'Manage Ben' }).click();
    await ada.getByRole('menuitem', { name: 'Roles' }).click();
    await ada.getByRole('menuitemcheckbox', { name: 'Conductors' }).click();
    await ada.keyboard.press('Escape');
    await ada.keyboard.press('Escape');
    await settings(ada).locator('.role').filter({ hasText: 'Conductors' }).waitFor();
    await close(ada);
    await ben
      .getByRole('complementary', { name: 'Members' })
      .getByRole('heading', { name: /Conductors/ })
      .waitFor();
  });

  await test('a channel is closed to everyone and opened to a role', async () => {
    await openTab(ada, 'Channels');
    await settings(ada).getByRole('button', { name: 'Edit backstage' }).click();
    const dialog = ada.getByRole('dialog', { name: 'backstage' });
    await dialog.getByRole('tab', { name: 'Permissions' }).click();
    await dialog.getByLabel('Add a role').selectOption({ label: 'Conductors' });
    await dialog.getByRole('radiogroup', { name: 'View channels' }).getByRole('radio', { name: 'Allow' }).click();
    await shot(ada, 'overwrites');
    await channels(ben)
      .getByRole('link', { name: /backstage/ })
      .waitFor();
    await ada.keyboard.press('Escape');
    await close(ada);
  });

  await test('an emoji is uploaded and used', async () => {
    await openTab(ada, 'Emoji');
    await settings(ada)
      .getByTestId('emoji-input')
      .setInputFiles({ name: 'quaver.png', mimeType: 'image/png', buffer: await picture(ada, 64, 64, '#7c4a00') });
    await settings(ada).getByLabel('Name of quaver').waitFor();
    await close(ada);
    await say(ada, 'listen :quaver:');
    const image = message(ada, 'listen').locator('img.emoji');
    await image.waitFor();
    await until(() => image.evaluate((i) => i.complete && i.naturalWidth > 0), 'the emoji loads');
  });

  await test('invites are listed and revoked', async () => {
    await openTab(ada, 'Invites');
    await settings(ada).getByRole('button', { name: 'Revoke' }).first().waitFor();
    const before = await settings(ada).getByRole('button', { name: 'Revoke' }).count();
    await settings(ada).getByRole('button', { name: 'Revoke' }).first().click();
    await until(
      async () => (await settings(ada).getByRole('button', { name: 'Revoke' }).count()) === before - 1,
      'one invite fewer',
    );
  });

  await test('the audit log tells what was done', async () => {
    await settings(ada).getByRole('tab', { name: 'Audit log' }).click();
    await settings(ada).getByText('Ada').first().waitFor();
    await shot(ada, 'audit-log');
    await close(ada);
  });

  await test('the community is renamed for everyone', async () => {
    await openTab(ada, 'Overview');
    await settings(ada).getByRole('textbox', { name: 'Name' }).fill('The Quintet');
    await settings(ada).getByRole('button', { name: 'Save changes' }).click();
    world.guild = 'The Quintet';
    await rail(ben)
      .getByRole('link', { name: /The Quintet/ })
      .waitFor();
    await close(ada);
  });

  await test('a bot is made, its token shown, and it is let into the community', async () => {
    await ada.getByRole('button', { name: 'Settings', exact: true }).click();
    const dialog = ada.getByRole('dialog', { name: 'Settings' });
    await dialog.getByRole('tab', { name: 'Developer' }).click();
    await dialog.getByLabel('New application').fill('Metronome');
    await dialog.getByRole('button', { name: 'Create with bot' }).click();
    const token = await until(() => dialog.getByTestId('bot-token').inputValue(), 'the token');
    assert(token.split('.').length === 3, `an unusual token`);
    await shot(ada, 'developer');
    await dialog.getByRole('button', { name: 'Add to a community' }).click();
    await ada.getByRole('heading', { name: 'Add Metronome' }).waitFor();
    await ada.getByLabel('Community').selectOption({ label: world.guild });
    await shot(ada, 'authorize');
    await ada.getByRole('button', { name: 'Add to community' }).click();
    await ada.getByRole('button', { name: 'Go there' }).click();
    await ada
      .getByRole('complementary', { name: 'Members' })
      .getByRole('button', { name: /Metronome/ })
      .waitFor();
  });

  await test('the own profile is changed and the other sees it', async () => {
    await ada.getByRole('button', { name: 'Settings', exact: true }).click();
    const dialog = ada.getByRole('dialog', { name: 'Settings' });
    await dialog
      .locator('input[type=file]')
      .first()
      .setInputFiles({ name: 'me.png', mimeType: 'image/png', buffer: await picture(ada, 300, 200, '#6a4c93') });
    await dialog.getByLabel('Display name').fill('Ada L.');
    await dialog.getByRole('button', { name: 'Save changes' }).click();
    await ada.getByText('Saved').first().waitFor();
    await close(ada);
    await channels(ada)
      .getByRole('link', { name: /^general/ })
      .first()
      .click();
    await say(ada, 'New name, new face');
    await channels(ben)
      .getByRole('link', { name: /^general/ })
      .first()
      .click();
    const row = message(ben, 'New name, new face');
    await row.waitFor();
    await ben
      .getByRole('complementary', { name: 'Members' })
      .getByRole('button', { name: /Ada L\./ })
      .waitFor();
    await until(
      () =>
        ben
          .getByRole('complementary', { name: 'Members' })
          .getByRole('button', { name: /Ada L\./ })
          .locator('img')
          .evaluate((i) => i.complete && i.naturalWidth > 0),
      'the avatar loads',
    );
    await box(ada).waitFor();
  });
}
