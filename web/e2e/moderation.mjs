import { assert, person, shot, test, until } from './harness.mjs';
import {
  accepted,
  api,
  box,
  channels,
  home,
  log,
  message,
  openChannel,
  placeOf,
  rail,
  register,
  say,
} from './person.mjs';

export default async function moderation(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;
  const members = (page) => page.getByRole('complementary', { name: 'Members' });
  const menuOf = async (name, ...items) => {
    await members(ada).getByRole('button', { name }).click({ button: 'right' });
    for (const item of items) await ada.getByRole('menuitem', { name: item }).click();
  };

  await test('a member is named, timed out and let write again from their menu', async () => {
    for (const page of [ada, ben]) {
      await rail(page)
        .getByRole('link', { name: new RegExp(world.guild) })
        .click();
      await openChannel(page, 'general');
      await box(page).waitFor();
    }
    await menuOf(/Ben/, 'Change nickname');
    await ada.getByRole('dialog').getByLabel('Nickname').fill('Benny');
    await ada.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await members(ben).getByRole('button', { name: /Benny/ }).waitFor();
    await menuOf(/Benny/, 'Time out', '5 minutes');
    await until(() => box(ben).isDisabled(), 'the box is closed');
    await menuOf(/Benny/, 'End time-out');
    await until(() => box(ben).isEnabled(), 'the box is open again');
    await members(ada).getByRole('button', { name: /Benny/ }).click({ button: 'right' });
    await ada.getByRole('menuitem', { name: 'Roles' }).click();
    await ada.getByRole('menuitemcheckbox', { name: 'Conductors', checked: true }).waitFor();
    await shot(ada, 'person-menu');
    await ada.keyboard.press('Escape');
    await ada.keyboard.press('Escape');
    await ada.getByRole('menu').waitFor({ state: 'detached' });
  });

  await test('somebody is banned with a reason, from where they wrote', async () => {
    const [guild] = placeOf(ada);
    const { code } = await api(ada, 'POST', `/channels/${placeOf(ada)[1]}/invites`, { max_age: 0 });
    const rude = await person('Rude');
    await register(rude);
    await home(rude.page).waitFor();
    await api(rude.page, 'POST', `/invites/${code}`, {});
    await rude.page.goto(new URL(`/channels/${guild}/${placeOf(ada)[1]}`, ada.url()).href);
    await say(rude.page, 'something rude');
    const row = message(ada, 'something rude');
    await row.getByRole('button', { name: 'Rude', exact: true }).click({ button: 'right' });
    await ada.getByRole('menuitem', { name: 'Ban' }).click();
    const dialog = ada.getByRole('dialog', { name: 'Ban Rude?' });
    await dialog.getByLabel('Delete what they wrote').selectOption({ label: 'In the last hour' });
    await dialog.getByLabel('Reason').fill('Manners');
    await shot(ada, 'ban');
    await dialog.getByRole('button', { name: 'Ban', exact: true }).click();
    await row.waitFor({ state: 'detached' });
    await rail(rude.page)
      .getByRole('link', { name: new RegExp(world.guild) })
      .waitFor({ state: 'detached' });
    const [ban] = await api(ada, 'GET', `/guilds/${guild}/bans`);
    assert(ban.reason === 'Manners', `the reason is ${ban.reason}`);
    await rude.context.close();
  });

  await test('slow mode counts down in the box', async () => {
    const [, channel] = placeOf(ben);
    // The Conductors may manage messages, and need not wait.
    const [guild] = placeOf(ada);
    const me = await api(ben, 'GET', '/users/@me');
    const role = (await api(ada, 'GET', `/guilds/${guild}/roles`)).find((r) => r.name === 'Conductors');
    await api(ada, 'DELETE', `/guilds/${guild}/members/${me.id}/roles/${role.id}`);
    await api(ada, 'PATCH', `/channels/${channel}`, { rate_limit_per_user: 5 });
    await until(
      async () =>
        (await members(ben)
          .getByRole('heading', { name: /Conductors/ })
          .count()) === 0,
      'the role is gone',
    );
    await say(ben, 'slowly now');
    await accepted(ben, 'slowly now');
    await ben.getByRole('timer').waitFor();
    await box(ben).fill('and again');
    await box(ben).press('Enter');
    assert((await box(ben).inputValue()) === 'and again', 'it was sent all the same');
    await ben.getByRole('timer').waitFor({ state: 'detached' });
    await box(ben).press('Enter');
    await message(ada, 'and again').waitFor();
    await api(ada, 'PATCH', `/channels/${channel}`, { rate_limit_per_user: 0 });
    await api(ada, 'PUT', `/guilds/${guild}/members/${me.id}/roles/${role.id}`);
    await api(ada, 'PATCH', `/guilds/${guild}/members/${me.id}`, { nick: null });
    await members(ada).getByRole('button', { name: 'Ben', exact: false }).first().waitFor();
    await channels(ben).waitFor();
    await log(ben).waitFor();
  });
}
