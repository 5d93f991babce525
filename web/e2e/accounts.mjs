import { assert, BASE_URL, person, shot, test, until } from './harness.mjs';
import { box, channels, createCommunity, home, invite, logIn, rail, register } from './person.mjs';

export default async function accounts(world) {
  world.ada = await person('Ada');
  world.ben = await person('Ben', { colorScheme: 'dark' });
  const ada = world.ada.page;
  const ben = world.ben.page;

  await test('a stranger is asked to log in', async () => {
    await ada.goto(`${BASE_URL}/channels/@me`);
    await ada.getByRole('heading', { name: 'Welcome back' }).waitFor();
    await shot(ada, 'login-light');
  });

  await test('a wrong password is refused in words', async () => {
    await logIn({ page: ada, name: 'Nobody' });
    await ada.getByRole('alert').waitFor();
  });

  await test(
    'someone registers and arrives at home',
    async () => {
      await register(world.ada);
      await home(ada).waitFor();
      await shot(ada, 'home-empty');
    },
    { vital: true },
  );

  await test('a name that is taken is refused at its field', async () => {
    const other = await person('Ada');
    await register(other);
    await other.page.getByRole('alert').first().waitFor();
    await other.context.close();
  });

  await test(
    'a community is created with a channel to write in',
    async () => {
      world.guild = 'The Quartet';
      await createCommunity(ada, world.guild);
      await channels(ada).getByRole('link', { name: 'general' }).first().waitFor();
      assert(/\/channels\/\d+\/\d+/.test(ada.url()), `unexpected address ${ada.url()}`);
    },
    { vital: true },
  );

  await test(
    'an invite link shows the community to a stranger, who registers and joins',
    async () => {
      world.invite = await invite(ada, world.guild);
      await ben.goto(world.invite);
      await ben.getByRole('heading', { name: world.guild }).waitFor();
      await shot(ben, 'invite-dark');
      await register(world.ben, world.invite);
      await ben.getByRole('button', { name: `Join ${world.guild}` }).click();
      await box(ben).waitFor();
      await rail(ben).getByRole('link', { name: world.guild }).waitFor();
    },
    { vital: true },
  );

  await test('a dead invite says so', async () => {
    const { page, context } = await person('Stranger');
    await page.goto(`${BASE_URL}/invite/nosuchcode`);
    await page.getByRole('heading', { name: 'This invitation does not work' }).waitFor();
    await context.close();
  });

  await test('logging out forgets the account, logging in brings it back', async () => {
    await ben.getByRole('button', { name: 'Set your status' }).click();
    await ben.getByRole('menuitem', { name: 'Log out' }).click();
    await ben.getByRole('heading', { name: 'Welcome back' }).waitFor();
    assert((await ben.evaluate(() => localStorage.getItem('consort:token'))) === null, 'the token is still stored');
    await logIn(world.ben);
    await rail(ben).getByRole('link', { name: world.guild }).click();
    await box(ben).waitFor();
  });

  await test('reloading keeps the session and the place', async () => {
    const before = ben.url();
    await ben.reload();
    await box(ben).waitFor();
    await until(() => ben.url() === before, 'the same address');
  });
}
