/** Passing on, looking at pictures, saying what one is up to, groups and profiles. */
import { assert, shot, person, test, until } from './harness.mjs';
import {
  accepted,
  api,
  box,
  channels,
  home,
  log,
  message,
  more,
  openChannel,
  picture,
  placeOf,
  rail,
  register,
  say,
} from './person.mjs';

export default async function company(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;

  await test('a message is passed on to another channel, with a word', async () => {
    for (const page of [ada, ben])
      await rail(page)
        .getByRole('link', { name: new RegExp(world.guild) })
        .first()
        .click();
    const [guild] = placeOf(ada);
    world.annex = await api(ada, 'POST', `/guilds/${guild}/channels`, { name: 'passed-on', type: 0 });
    await openChannel(ada, 'general');
    await say(ada, 'The hall is booked');
    await accepted(ada, 'The hall is booked');
    await more(ada, 'The hall is booked', 'Forward');
    const dialog = ada.getByRole('dialog', { name: 'Forward' });
    await dialog.getByRole('searchbox', { name: 'Where to' }).fill('passed');
    await dialog.getByRole('checkbox', { name: /passed-on/ }).check();
    await dialog.getByRole('textbox', { name: 'Something to add' }).fill('see here');
    await shot(ada, 'forward');
    await dialog.getByRole('button', { name: 'Forward' }).click();
    await dialog.waitFor({ state: 'detached' });
    await openChannel(ben, 'passed-on');
    await message(ben, 'see here').waitFor();
    await log(ben).locator('.forward').filter({ hasText: 'The hall is booked' }).waitFor();
  });

  await test('several pictures lie in a mosaic, and are looked through by keys', async () => {
    const files = [];
    for (const [i, c] of ['#0c6a5b', '#7c4a00', '#6a4c93'].entries())
      files.push({
        name: `leaf ${i + 1}.png`,
        mimeType: 'image/png',
        buffer: await picture(ada, 640, 480 - i * 100, c),
      });
    await ada.getByTestId('file-input').setInputFiles(files);
    await say(ada, 'Three leaves');
    await accepted(ada, 'Three leaves');
    await openChannel(ben, 'general');
    const row = message(ben, 'Three leaves');
    await row.locator('.mosaic img').nth(2).waitFor();
    await until(
      () => row.locator('.mosaic img').evaluateAll((all) => all.every((i) => i.complete && i.naturalWidth > 0)),
      'the pictures load',
    );
    await shot(ben, 'mosaic-dark');
    await row
      .getByRole('button', { name: /Open image/ })
      .first()
      .click();
    const large = ben.getByTestId('lightbox');
    await ben.getByText('1 of 3').waitFor();
    await ben.keyboard.press('ArrowRight');
    await ben.getByText('2 of 3').waitFor();
    assert(/leaf.2/.test((await large.getAttribute('alt')) ?? ''), 'not the second picture');
    const before = (await large.boundingBox()).width;
    await ben.keyboard.press('+');
    await until(async () => (await large.boundingBox()).width > before * 1.3, 'it is larger');
    await ben.keyboard.press('0');
    await ben.keyboard.press('ArrowLeft');
    await ben.getByText('1 of 3').waitFor();
    await shot(ben, 'lightbox-of-three');
    await ben.keyboard.press('Escape');
    await large.waitFor({ state: 'detached' });
  });

  await test('code has colours, an invite is a card, and a link to a message is named', async () => {
    const link = await api(ada, 'POST', `/channels/${placeOf(ada)[1]}/invites`, {});
    await say(
      ada,
      `\`\`\`js\nconst tune = 440; // the oboe\n\`\`\`\n${new URL(ada.url()).origin}/invite/${link.code} and ${ada.url()}/1`,
    );
    const row = message(ben, 'const tune');
    await row.locator('pre .comment').filter({ hasText: 'the oboe' }).waitFor();
    await row.locator('.card').getByText(world.guild).waitFor();
    await row.locator('.card').getByRole('button', { name: 'Go there' }).waitFor();
    await row.getByRole('link', { name: '#general › message' }).waitFor();
    await shot(ben, 'cards-dark');
  });

  await test('a channel becomes one of announcements, and is followed', async () => {
    await channels(ada)
      .getByRole('link', { name: /passed-on/ })
      .click({ button: 'right' });
    await ada.getByRole('menuitem', { name: 'Edit the channel' }).click();
    const dialog = ada.getByRole('dialog', { name: 'passed-on' });
    await dialog.getByRole('switch', { name: 'Announcements' }).check();
    await dialog.getByRole('button', { name: 'Save changes' }).click();
    await ada.getByText('Saved').first().waitFor();
    await ada.keyboard.press('Escape');
    await openChannel(ada, 'passed-on');
    await ada.getByRole('button', { name: 'Follow this channel' }).click();
    const follow = ada.getByRole('dialog', { name: 'Follow passed-on' });
    await follow.getByLabel('Bring it to').selectOption({ label: `${world.guild} · #general` });
    await follow.getByRole('button', { name: 'Follow' }).click();
    await follow.waitFor({ state: 'detached' });
    await say(ada, 'The season opens');
    await accepted(ada, 'The season opens');
    await more(ada, 'The season opens', 'Publish');
    await openChannel(ada, 'general');
    await message(ada, 'The season opens').waitFor();
  });

  await test('somebody says what they are up to, and the others see it', async () => {
    await ben.getByRole('button', { name: 'Set your status' }).click();
    await ben.getByRole('menuitem', { name: 'Say what you are up to' }).click();
    await ben.getByRole('dialog').getByLabel('What you are up to').fill('tuning up');
    await ben.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await ada.getByRole('complementary', { name: 'Members' }).getByText('tuning up').waitFor();
    await ben.getByRole('button', { name: 'Set your status' }).click();
    await ben.getByRole('menuitem', { name: 'Change your words' }).click();
    await ben.getByRole('dialog').getByRole('button', { name: 'Clear it' }).click();
    await ada.getByRole('complementary', { name: 'Members' }).getByText('tuning up').waitFor({ state: 'detached' });
  });

  await test('a profile has pronouns, a banner and what is shared', async () => {
    await ben.getByRole('button', { name: 'Settings', exact: true }).click();
    const dialog = ben.getByRole('dialog', { name: 'Settings' });
    await dialog.getByLabel('Pronouns').fill('they/them');
    await dialog.getByLabel('About you').fill('plays the viola');
    await dialog
      .getByTestId('banner-input')
      .setInputFiles({ name: 'banner.png', mimeType: 'image/png', buffer: await picture(ben, 600, 200, '#b5446e') });
    await dialog.getByRole('img', { name: 'Your banner' }).waitFor();
    await shot(ben, 'account-dark');
    await dialog.getByRole('button', { name: 'Save changes' }).click();
    await ben.getByText('Saved').first().waitFor();
    await ben.keyboard.press('Escape');
    await ada.getByRole('complementary', { name: 'Members' }).getByRole('button', { name: /Ben/ }).click();
    const card = ada.getByRole('dialog', { name: 'Profile of Ben' });
    await card.getByText('they/them').waitFor();
    await card.getByText('plays the viola').waitFor();
    await card.getByRole('link', { name: world.guild }).waitFor();
    const banner = card.locator('.band img');
    await until(() => banner.evaluate((i) => i.complete && i.naturalWidth > 0), 'the banner loads');
    await shot(ada, 'profile');
    await ada.keyboard.press('Escape');
  });

  await test('a group is made, named, grows and shrinks', async () => {
    const cleo = await person('Cleo');
    await register(cleo);
    await home(cleo.page).waitFor();
    const [adaId, benId, cleoId] = await Promise.all(
      [ada, ben, cleo.page].map(async (page) => (await api(page, 'GET', '/users/@me')).id),
    );
    const friends = (await api(ada, 'GET', '/users/@me/relationships')).filter((r) => r.type === 1).map((r) => r.id);
    for (const [page, id] of [
      [ben, benId],
      [cleo.page, cleoId],
    ]) {
      if (friends.includes(id)) continue;
      await api(ada, 'PUT', `/users/@me/relationships/${id}`, {});
      await api(page, 'PUT', `/users/@me/relationships/${adaId}`, {});
    }
    await rail(ada).getByRole('link', { name: /^Home/ }).click();
    await ada.getByRole('button', { name: 'New group' }).click();
    const dialog = ada.getByRole('dialog', { name: 'New group' });
    await dialog.getByRole('checkbox', { name: 'Ben' }).check();
    await dialog.getByRole('checkbox', { name: 'Cleo' }).check();
    await dialog.getByLabel('Name').fill('Trio');
    await shot(ada, 'group');
    await dialog.getByRole('button', { name: 'Create group' }).click();
    await ada.getByRole('heading', { name: 'Trio', level: 1 }).waitFor();
    await say(ada, 'welcome, both');
    await rail(cleo.page).getByRole('link', { name: /Trio/ }).click();
    await message(cleo.page, 'welcome, both').waitFor();
    await ada.getByRole('button', { name: 'Edit the group' }).click();
    const edited = ada.getByRole('dialog', { name: 'The group' });
    await edited
      .locator('input[type="file"]')
      .setInputFiles({ name: 'trio.png', mimeType: 'image/png', buffer: await picture(ada, 200, 120, '#6a4c93') });
    await edited.locator('img[src^="data:"]').waitFor();
    await edited.getByRole('button', { name: 'Save' }).click();
    await edited.waitFor({ state: 'detached' });
    const face = cleo.page.getByRole('link', { name: /Trio/ }).locator('img[src*="/channel-icons/"]').first();
    await until(() => face.evaluate((img) => img.complete && img.naturalWidth > 0), 'the picture of the group');
    await shot(cleo.page, 'group-picture');
    await log(cleo.page).getByText('changed the picture').waitFor();
    await ada.getByRole('button', { name: 'Edit the group' }).click();
    const edit = ada.getByRole('dialog', { name: 'The group' });
    await edit.getByRole('button', { name: 'Remove Cleo' }).click();
    await ada
      .getByRole('dialog', { name: /Remove Cleo/ })
      .getByRole('button', { name: 'Remove' })
      .click();
    await edit.getByRole('button', { name: 'Remove Cleo' }).waitFor({ state: 'detached' });
    await cleo.page.getByRole('heading', { name: 'Trio', level: 1 }).waitFor({ state: 'detached' });
    await edit.getByRole('checkbox', { name: 'Cleo' }).check();
    await edit.getByLabel('Name').fill('Trio of Ada');
    await edit.getByRole('button', { name: 'Save' }).click();
    await edit.waitFor({ state: 'detached' });
    await cleo.page.getByRole('link', { name: 'Trio of Ada' }).first().waitFor();
    await cleo.context.close();
    await api(ada, 'DELETE', `/channels/${world.annex.id}`);
    await rail(ada)
      .getByRole('link', { name: new RegExp(world.guild) })
      .first()
      .click();
    await box(ada).waitFor();
    await channels(ada).waitFor();
  });
}
