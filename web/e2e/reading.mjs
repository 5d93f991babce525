import { assert, shot, test, until } from './harness.mjs';
import { accepted, api, box, channels, flood, log, message, more, openChannel, placeOf, rail, say } from './person.mjs';

/** Whether a message is in sight of the log. A row that the log has just put out of the page is not. */
const inSight = (page, text) =>
  message(page, text).evaluate((row) => {
    const frame = row.closest('[role="log"]')?.getBoundingClientRect();
    if (!frame) return false;
    const box = row.getBoundingClientRect();
    return box.bottom > frame.top && box.top < frame.bottom;
  });
const belowEnd = (page) => log(page).evaluate((e) => Math.round(e.scrollHeight - e.clientHeight - e.scrollTop));
const frames = (page) =>
  page.evaluate(async () => {
    for (let i = 0; i < 20; i++) await new Promise(requestAnimationFrame);
  });

export default async function reading(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;
  const goHome = async (page) => {
    await rail(page).getByRole('link', { name: /^Home/ }).click();
    await page.getByRole('main', { name: 'Friends' }).waitFor();
  };

  await test('a channel with many new messages opens at the first of them', async () => {
    const made = await api(ada, 'POST', `/guilds/${placeOf(ada)[0]}/channels`, { name: 'overture' });
    assert(made.id, 'no channel');
    await openChannel(ada, 'overture');
    await openChannel(ben, 'overture');
    await say(ada, 'the last one read');
    await message(ben, 'the last one read').waitFor();
    await goHome(ben);
    const [, channel] = placeOf(ada);
    await flood(
      ada,
      channel,
      Array.from({ length: 70 }, (_, i) => `flood ${i + 1}.`),
    );
    await rail(ben)
      .getByRole('link', { name: new RegExp(world.guild) })
      .click();
    await openChannel(ben, 'overture');
    await until(
      async () => (await message(ben, 'flood 1.').count()) && (await inSight(ben, 'flood 1.')),
      'the first new message is in sight',
    );
    await ben.getByRole('separator').filter({ hasText: 'New messages' }).waitFor();
    await ben.getByText(/\d+\+? new messages since/).waitFor();
    await shot(ben, 'news-bar');
    await channels(ben)
      .getByRole('link', { name: /^overture/ })
      .waitFor();
    await ben.getByRole('button', { name: 'Mark as read' }).click();
    await ben.getByText(/new messages since/).waitFor({ state: 'detached' });
    await ben.getByRole('button', { name: /newest|To the end/ }).click();
    await until(() => inSight(ben, 'flood 70.'), 'the newest message');
  });

  await test('the log stays where it was put by something else than a hand', async () => {
    await until(async () => (await belowEnd(ben)) <= 2, 'the end');
    await frames(ben);
    await log(ben).evaluate((e) => (e.scrollTop -= 400));
    await frames(ben);
    assert((await belowEnd(ben)) > 300, `thrown back to ${await belowEnd(ben)} px from the end`);
    // What comes meanwhile does not move it.
    await say(ada, 'while you look up');
    await ben.getByRole('button', { name: 'To the end' }).waitFor();
    await frames(ben);
    assert((await belowEnd(ben)) > 300, 'a new message moved it');
    await box(ben).focus();
    await ben.keyboard.press('Escape');
    await until(async () => (await belowEnd(ben)) <= 2, 'Escape in the box goes to the end');
    await say(ada, 'followed again');
    await until(() => inSight(ben, 'followed again'), 'what is new is followed at the end');
  });

  await test('the end is held when the message box becomes smaller', async () => {
    await box(ben).fill(Array(8).fill('a line').join('\n'));
    await frames(ben);
    await until(async () => (await belowEnd(ben)) <= 2, 'the end is held beside a large box');
    // The page is laid out, as for something that takes the focus, before the list is told of its new height.
    await box(ben).evaluate((e) => {
      e.value = '';
      e.dispatchEvent(new Event('input', { bubbles: true }));
      return document.body.offsetHeight;
    });
    await frames(ben);
    await say(ada, 'still followed');
    await until(() => inSight(ben, 'still followed'), 'what is new is followed');
    await until(async () => (await belowEnd(ben)) <= 2, 'the end');
  });

  await test('what comes while the end is almost in sight is told of', async () => {
    await until(async () => (await belowEnd(ben)) <= 2, 'the end');
    await frames(ben);
    await log(ben).evaluate((e) => (e.scrollTop -= 30));
    await frames(ben);
    await say(ada, Array.from({ length: 12 }, (_, i) => `line ${i + 1} of a long one`).join('\n'));
    await ben.getByRole('button', { name: 'To the end' }).click();
    await until(() => inSight(ben, 'line 12 of a long one'), 'the end is gone to');
  });

  await test('a message can be marked unread from, and stays so', async () => {
    await more(ben, 'while you look up', 'Mark unread from here');
    await ben.getByRole('separator').filter({ hasText: 'New messages' }).waitFor();
    await openChannel(ben, 'general');
    await channels(ben)
      .getByRole('link', { name: /^overture.*unread/ })
      .waitFor();
    await ben.reload();
    await channels(ben)
      .getByRole('link', { name: /^overture.*unread/ })
      .click();
    await message(ben, 'followed again').waitFor();
    await box(ben).press('Escape');
    await until(async () => (await belowEnd(ben)) <= 2, 'the end');
    await frames(ben);
    await openChannel(ben, 'general');
    await channels(ben).getByRole('link', { name: 'overture', exact: true }).waitFor();
  });

  await test('messages of someone blocked are folded, and call nobody', async () => {
    await openChannel(ben, 'overture');
    await box(ben).waitFor();
    const adaId = (await api(ada, 'GET', '/users/@me')).id;
    await api(ben, 'PUT', `/users/@me/relationships/${adaId}`, { type: 2 });
    await say(ada, 'unheard');
    await accepted(ada, 'unheard');
    const fold = log(ben)
      .getByRole('button', { name: /of someone you blocked/ })
      .last();
    await fold.waitFor();
    assert((await message(ben, 'unheard').count()) === 0, 'the message is shown');
    await fold.click();
    await message(ben, 'unheard').waitFor();
    await api(ben, 'DELETE', `/users/@me/relationships/${adaId}`);
    await fold.waitFor({ state: 'detached' });
    await message(ben, 'unheard').waitFor();
  });

  await test('somebody is ignored, which folds what they write and lasts over a reload', async () => {
    // What was unfolded before stays so until the channel is opened anew.
    await ben.reload();
    const members = ben.getByRole('complementary', { name: 'Members' });
    await members.getByRole('button', { name: /Ada/ }).click({ button: 'right' });
    await ben.getByRole('menuitem', { name: 'Ignore', exact: true }).click();
    await say(ada, 'passed over');
    await accepted(ada, 'passed over');
    const fold = log(ben)
      .getByRole('button', { name: /you blocked or ignore/ })
      .last();
    await fold.waitFor();
    await ben.reload();
    await fold.waitFor();
    assert((await message(ben, 'passed over').count()) === 0, 'the message is shown');
    await members.getByRole('button', { name: /Ada/ }).click({ button: 'right' });
    await ben.getByRole('menuitem', { name: 'Stop ignoring' }).click();
    await message(ben, 'passed over').waitFor();
  });
}
