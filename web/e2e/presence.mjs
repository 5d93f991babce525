import { shot, test } from './harness.mjs';
import { box, channels, message, rail, say } from './person.mjs';

export default async function presence(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;
  const members = (page) => page.getByRole('complementary', { name: 'Members' });

  await test('typing is shown to the other, and ends with the message', async () => {
    await box(ben).pressSequentially('I am thinking');
    await ada.getByText('Ben is typing…').waitFor();
    await box(ben).press('Enter');
    await message(ada, 'I am thinking').waitFor();
    await ada.getByText('Ben is typing…').waitFor({ state: 'detached' });
  });

  await test('the member list shows who is here, and follows a change of status', async () => {
    const row = members(ada).getByRole('button', { name: /Ben/ });
    await row.locator('[data-status="online"]').waitFor();
    await ben.getByRole('button', { name: 'Set your status' }).click();
    await ben.getByRole('menuitemradio', { name: 'Do not disturb' }).click();
    await row.locator('[data-status="dnd"]').waitFor();
    await ben.getByRole('button', { name: 'Set your status' }).click();
    await ben.getByRole('menuitemradio', { name: 'Invisible' }).click();
    await row.locator('[data-status="offline"]').waitFor();
    await ben.getByRole('button', { name: 'Set your status' }).click();
    await ben.getByRole('menuitemradio', { name: 'Online' }).click();
    await row.locator('[data-status="online"]').waitFor();
  });

  await test('a profile opens from the list and closes with Escape', async () => {
    await members(ada).getByRole('button', { name: /Ben/ }).click();
    await ada.getByRole('dialog', { name: 'Profile of Ben' }).waitFor();
    await shot(ada, 'profile');
    await ada.keyboard.press('Escape');
    await ada.getByRole('dialog', { name: 'Profile of Ben' }).waitFor({ state: 'detached' });
  });

  await test('an unread channel and a mention are marked, and reading clears the marks', async () => {
    await rail(ben).getByRole('link', { name: /^Home/ }).click();
    await ben.getByRole('main', { name: 'Friends' }).waitFor();
    await say(ada, 'Something new');
    await rail(ben)
      .getByRole('link', { name: `${world.guild}, unread` })
      .waitFor();
    await box(ada).pressSequentially('psst @be');
    await ada.getByRole('option', { name: /Ben/ }).waitFor();
    await box(ada).press('Enter');
    await box(ada).press('Enter');
    await rail(ben)
      .getByRole('link', { name: `${world.guild}, 1 mention` })
      .waitFor();
    await shot(ben, 'badge');
    await rail(ben)
      .getByRole('link', { name: new RegExp(world.guild) })
      .click();
    await ben.getByText('New messages').waitFor();
    await message(ben, 'psst').waitFor();
    await rail(ben).getByRole('link', { name: world.guild, exact: true }).waitFor();
    await channels(ben).getByRole('link', { name: 'general', exact: true }).first().waitFor();
  });

  await test('what was read stays read after a reload', async () => {
    await ben.reload();
    await rail(ben).getByRole('link', { name: world.guild, exact: true }).waitFor();
  });
}
