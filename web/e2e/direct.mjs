import { person, shot, test } from './harness.mjs';
import { box, home, message, rail, register, say, usernameOf } from './person.mjs';

export default async function direct(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;

  await test('a friend is asked by name and accepts', async () => {
    await rail(ada).getByRole('link', { name: /^Home/ }).click();
    await ada.getByRole('tab', { name: 'Add friend' }).click();
    await ada.getByLabel('Username').fill(usernameOf('Ben'));
    await ada.getByRole('button', { name: 'Send request' }).click();
    await ada.getByText('is on its way').waitFor();
    await rail(ben)
      .getByRole('link', { name: /Home, 1 friend request/ })
      .click();
    await ben.getByRole('tab', { name: /Pending/ }).click();
    await ben.getByRole('button', { name: 'Accept' }).click();
    await ada.getByRole('tab', { name: 'Online' }).click();
    await home(ada).getByRole('button', { name: 'Message Ben' }).waitFor();
    await shot(ada, 'friends');
  });

  await test('asking a name that does not exist is answered in words', async () => {
    await ada.getByRole('tab', { name: 'Add friend' }).click();
    await ada.getByLabel('Username').fill('nobody_of_that_name');
    await ada.getByRole('button', { name: 'Send request' }).click();
    await home(ada).locator('.bad').waitFor();
    await ada.getByRole('tab', { name: 'Online' }).click();
  });

  await test('a direct message arrives with a badge and is answered', async () => {
    await home(ada).getByRole('button', { name: 'Message Ben' }).click();
    await box(ada).waitFor();
    await say(ada, 'Between us');
    await rail(ben).getByRole('link', { name: 'Ada, 1 messages' }).click();
    await message(ben, 'Between us').waitFor();
    await say(ben, 'Of course');
    await message(ada, 'Of course').waitFor();
    await rail(ben)
      .getByRole('link', { name: /Ada, \d+ messages/ })
      .waitFor({ state: 'detached' });
    await shot(ben, 'direct-dark');
  });

  await test('a third person is blocked and can be let back', async () => {
    const eve = await person('Eve');
    await register(eve);
    await home(eve.page).waitFor();
    await eve.page.getByRole('tab', { name: 'Add friend' }).click();
    await eve.page.getByLabel('Username').fill(usernameOf('Ada'));
    await eve.page.getByRole('button', { name: 'Send request' }).click();
    await eve.page.getByText('is on its way').waitFor();
    await rail(ada)
      .getByRole('link', { name: /Home, 1 friend request/ })
      .click();
    await ada.getByRole('tab', { name: /Pending/ }).click();
    await home(ada).getByRole('button', { name: /Eve/ }).first().click();
    await ada.getByRole('dialog', { name: 'Profile of Eve' }).getByRole('button', { name: 'More' }).click();
    await ada.getByRole('menuitem', { name: 'Block' }).click();
    await ada.keyboard.press('Escape');
    await ada.getByRole('tab', { name: 'Blocked' }).click();
    await home(ada).getByRole('button', { name: 'Unblock' }).click();
    await home(ada).getByText('You have blocked nobody.').waitFor();
    await eve.context.close();
  });
}
