/** Stages: started, listened to, asked for the floor, and ended. */
import { assert, person, shot, test, until } from './harness.mjs';
import { violations } from './axe.mjs';
import { box, channels, createCommunity, guildMenu, invite, register } from './person.mjs';
import { connected, hears } from './voice.mjs';

const panel = (page) => page.getByRole('region', { name: 'Stage', exact: true });
const listed = (page, list, who) =>
  panel(page)
    .getByRole('list', { name: list })
    .getByRole('button', { name: new RegExp(`^${who}`) });

/** Two people in a community with channels of these kinds. */
export async function pair(names, guild, rooms) {
  const permissions = ['microphone', 'clipboard-read', 'clipboard-write'];
  const one = await person(names[0], { permissions });
  const other = await person(names[1], { permissions, colorScheme: 'dark' });
  await register(one);
  await createCommunity(one.page, guild);
  for (const [kind, name] of rooms) {
    await guildMenu(one.page, guild, 'Create channel');
    const dialog = one.page.getByRole('dialog', { name: 'Create a channel' });
    await dialog.getByRole('radio', { name: kind }).check();
    await dialog.getByLabel('Name').fill(name);
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await channels(one.page).getByRole('link', { name }).waitFor();
    await dialog.waitFor({ state: 'detached' });
  }
  const link = await invite(one.page, guild);
  await other.page.goto(link);
  await register(other, link);
  await other.page.getByRole('button', { name: `Join ${guild}` }).click();
  await box(other.page).waitFor();
  return [one, other];
}

export default async function stages() {
  let sara;
  let theo;
  let a;
  let b;

  await test(
    'a stage is started with a topic, and others come to listen',
    async () => {
      [sara, theo] = await pair(['Sara', 'Theo'], 'The Lectern', [[/^Stage/, 'Main hall']]);
      [a, b] = [sara.page, theo.page];
      for (const page of [a, b]) {
        await channels(page)
          .getByRole('link', { name: /Main hall/ })
          .click();
        await connected(page);
        await panel(page).getByRole('heading', { name: 'Nothing is on' }).waitFor();
        await listed(page, 'Audience', page === a ? 'Sara' : 'Theo').waitFor();
      }
      await panel(a).getByRole('button', { name: 'Start the stage' }).click();
      const dialog = a.getByRole('dialog', { name: 'Start a stage' });
      await dialog.getByLabel('What is it about?').fill('An evening with the quartet');
      await dialog.getByRole('button', { name: 'Start the stage' }).click();
      await panel(b).getByRole('heading', { name: 'An evening with the quartet' }).waitFor();
      await channels(b).getByText('Live An evening with').waitFor();
      assert((await panel(b).getByRole('button', { name: 'End the stage' }).count()) === 0, 'anybody may end it');
    },
    { vital: true },
  );

  await test('a moderator takes the floor and is heard by the audience', async () => {
    await panel(a).getByRole('button', { name: 'Speak', exact: true }).click();
    await listed(b, 'Speakers', 'Sara').waitFor();
    await until(async () => (await hears(b, 'Sara')) > 0.02, 'Theo hears Sara');
    assert((await hears(a, 'Theo', 300)) < 0.005, 'the audience is heard');
  });

  await test('whoever asks to speak is invited, and takes the invitation up', async () => {
    await panel(b).getByRole('button', { name: 'Ask to speak' }).click();
    await listed(a, 'Audience', 'Theo').getByText('asks to speak').waitFor();
    await shot(a, 'stage-light');
    await panel(a).getByRole('button', { name: 'Invite Theo to speak' }).click();
    await panel(b).getByText('You are invited to speak.').waitFor();
    await listed(a, 'Speakers', 'Theo').getByText('invited to speak').waitFor();
    await shot(b, 'stage-invited-dark');
    await panel(b).getByRole('button', { name: 'Speak', exact: true }).click();
    await listed(a, 'Speakers', 'Theo').getByText('invited to speak').waitFor({ state: 'detached' });
    await until(async () => (await hears(a, 'Theo')) > 0.02, 'Sara hears Theo');
    await shot(b, 'stage-dark');
  });

  await test('a speaker is moved to the audience from their menu, and asks no more', async () => {
    await listed(a, 'Speakers', 'Theo').click({ button: 'right' });
    await a.getByRole('menuitem', { name: 'Move to the audience' }).click();
    await listed(b, 'Audience', 'Theo').waitFor();
    await until(async () => (await hears(a, 'Theo', 1300)) < 0.005, 'Sara hears Theo no longer');
    await panel(b).getByRole('button', { name: 'Ask to speak' }).click();
    await panel(b).getByRole('button', { name: 'Ask no more' }).click();
    await listed(a, 'Audience', 'Theo').getByText('asks to speak').waitFor({ state: 'detached' });
  });

  await test('a stage can be used without eyes, and on a phone', async () => {
    for (const page of [a, b]) {
      const found = await violations(page, 'section[aria-label="Stage"]');
      assert(!found.length, found.join('\n'));
    }
    await a.setViewportSize({ width: 390, height: 844 });
    await panel(a).getByRole('button', { name: 'Go to the audience' }).waitFor();
    await shot(a, 'stage-phone');
    await a.setViewportSize({ width: 1280, height: 800 });
  });

  await test('its topic is changed, it is left, and ended', async () => {
    await panel(a).getByRole('button', { name: 'Edit the topic' }).click();
    const dialog = a.getByRole('dialog', { name: 'The topic of the stage' });
    await dialog.getByLabel('What is it about?').fill('Questions');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await panel(b).getByRole('heading', { name: 'Questions' }).waitFor();
    await panel(b).getByRole('button', { name: 'Leave quietly' }).click();
    await listed(a, 'Audience', 'Theo').waitFor({ state: 'detached' });
    await panel(b).getByRole('button', { name: 'Join the audience' }).waitFor();
    await panel(a).getByRole('button', { name: 'End the stage' }).click();
    await a.getByRole('dialog', { name: 'End the stage?' }).getByRole('button', { name: 'End the stage' }).click();
    for (const page of [a, b]) await panel(page).getByRole('heading', { name: 'Nothing is on' }).waitFor();
  });

  await sara.context.close();
  await theo.context.close();
}
