import { assert, shot, test, until } from './harness.mjs';
import { accepted, api, box, channels, guildMenu, log, message, openChannel, placeOf, rail, say } from './person.mjs';

export default async function posts(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;

  await test('a forum is made, posted in, and its posts are listed and read', async () => {
    await guildMenu(ada, world.guild, 'Create channel');
    const dialog = ada.getByRole('dialog');
    await dialog.getByRole('radio', { name: /Forum/ }).check();
    await dialog.getByLabel('Name').fill('questions');
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await ada.getByRole('main', { name: 'Forum questions' }).waitFor();
    const [, forum] = placeOf(ada);
    await api(ada, 'PATCH', `/channels/${forum}`, {
      topic: 'Be **kind**.',
      available_tags: [{ name: 'strings' }, { name: 'brass', emoji_name: '🎺' }],
    });
    await ada.getByRole('button', { name: 'New post' }).click();
    const form = ada.getByRole('form', { name: 'New post' });
    await form.getByLabel('Title').fill('How do I tune a viola?');
    await form.getByLabel('Message', { exact: true }).fill('It *drifts* every hour.');
    await form.getByRole('button', { name: /strings/ }).click();
    await shot(ada, 'new-post');
    await form.getByRole('button', { name: 'Post', exact: true }).click();
    await ada.getByRole('heading', { name: 'How do I tune a viola?', level: 1 }).waitFor();
    await message(ada, 'drifts').waitFor();
    await channels(ben)
      .getByRole('link', { name: /questions/ })
      .click();
    const post = ben.getByRole('list', { name: 'Posts' }).getByRole('link', { name: /How do I tune/ });
    await post.getByText('It drifts every hour.').waitFor();
    await shot(ben, 'forum-dark');
    await ben.getByRole('group', { name: 'Show posts with a tag' }).getByRole('button', { name: /brass/ }).click();
    await ben.getByText('No post fits.').waitFor();
    await ben.getByRole('group', { name: 'Show posts with a tag' }).getByRole('button', { name: /brass/ }).click();
    await post.click();
    await say(ben, 'Slowly');
    await message(ada, 'Slowly').waitFor();
  });

  await test('a forum that was looked at is not unread', async () => {
    await openChannel(ben, 'general');
    await box(ben).waitFor();
    await until(
      async () =>
        !/unread/.test(
          (await channels(ben)
            .getByRole('link', { name: /^questions/ })
            .textContent()) ?? '',
        ),
      'the forum is read',
    );
  });

  await test('a poll is started, voted in, and ended', async () => {
    await openChannel(ada, 'general');
    await ada.getByRole('button', { name: 'Add to the message' }).click();
    await ada.getByRole('menuitem', { name: 'Start a poll' }).click();
    const dialog = ada.getByRole('dialog', { name: 'Start a poll' });
    await dialog.getByLabel('Question').fill('Which encore?');
    await dialog.getByLabel('Answer 1', { exact: true }).fill('Waltz');
    await dialog.getByLabel('Answer 2', { exact: true }).fill('March');
    await dialog.getByRole('button', { name: 'Start the poll' }).click();
    const seen = log(ben).locator('.poll').filter({ hasText: 'Which encore?' });
    const own = log(ada).locator('.poll').filter({ hasText: 'Which encore?' });
    await seen.getByRole('radio', { name: /Waltz/ }).click();
    await own.getByText('1 vote', { exact: true }).waitFor();
    await seen.getByRole('radio', { name: /March/ }).click();
    await until(
      async () => /100 %/.test((await seen.getByRole('radio', { name: /March/ }).textContent()) ?? ''),
      'the vote was changed',
    );
    await seen.getByRole('button', { name: /1 vote for March/ }).click();
    await ben.getByRole('dialog', { name: 'Voted for March' }).getByText('Ben').waitFor();
    await ben.keyboard.press('Escape');
    await shot(ben, 'poll-dark');
    await own.getByRole('button', { name: 'End now' }).click();
    await ada.getByRole('dialog').getByRole('button', { name: 'End the poll' }).click();
    await seen.getByText('The poll is over.').waitFor();
    await message(ben, 'March won').waitFor();
  });

  await test('a thread shows the message that it was started from, as its author wrote it', async () => {
    await say(ben, 'Where is the **piano**?');
    await accepted(ben, 'Where is the piano?');
    const [guild, channel] = placeOf(ada);
    const found = (await api(ada, 'GET', `/channels/${channel}/messages?limit=5`)).find((m) =>
      m.content.includes('piano'),
    );
    const thread = await api(ada, 'POST', `/channels/${channel}/messages/${found.id}/threads`, { name: 'The piano' });
    await ada.goto(new URL(`/channels/${guild}/${thread.id}`, ada.url()).href);
    const starter = message(ada, 'Where is the piano?');
    await starter.locator('strong', { hasText: 'piano' }).waitFor();
    assert(/^Ben/.test((await starter.getAttribute('aria-label')) ?? ''), 'it is given to somebody else');
    await openChannel(ada, 'general');
    await rail(ada).waitFor();
  });

  await test('people are added to a thread from its menu, and removed', async () => {
    const [guild] = placeOf(ada);
    const place = (await api(ada, 'GET', `/guilds/${guild}/channels`)).find(
      (c) => c.name === 'general' && c.type === 0,
    );
    const thread = await api(ada, 'POST', `/channels/${place.id}/threads`, { name: 'Carpool', type: 11 });
    await ada.goto(new URL(`/channels/${guild}/${thread.id}`, ada.url()).href);
    await ada.getByRole('button', { name: 'Thread options' }).click();
    await ada.getByRole('menuitem', { name: 'People in the thread' }).click();
    const dialog = ada.getByRole('dialog', { name: 'People in the thread' });
    const people = dialog.getByRole('list', { name: 'People in the thread' });
    await people.getByText('Ada').waitFor();
    await dialog.getByLabel('Add somebody').fill('ben');
    await dialog.getByRole('button', { name: 'Add Ben' }).click();
    await people.getByText('Ben').waitFor();
    await channels(ben).getByRole('link', { name: 'Carpool' }).waitFor();
    await people.getByRole('button', { name: 'Remove Ben' }).click();
    await people.getByText('Ben').waitFor({ state: 'detached' });
    await shot(ada, 'thread-people');
    await api(ada, 'DELETE', `/channels/${thread.id}`);
    await dialog.waitFor({ state: 'detached' });
    await openChannel(ada, 'general');
  });
}
