import { assert, shot, test, until } from './harness.mjs';
import { accepted, box, channels, openChannel, rail, say } from './person.mjs';

/** Keeps what the page tells the desktop, instead of showing it. */
const record = (page) =>
  page.evaluate(() => {
    window.__notes = [];
    window.Notification = class {
      static permission = 'granted';
      static requestPermission = async () => 'granted';
      constructor(title, options) {
        this.title = title;
        this.body = options.body;
        window.__notes.push(this);
      }
      close() {}
    };
  });
const notes = (page) => page.evaluate(() => window.__notes.map((n) => `${n.title}: ${n.body}`));

export default async function calling(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;
  const away = async () => {
    await rail(ben).getByRole('link', { name: /^Home/ }).click();
    await ben.getByRole('main', { name: 'Friends' }).waitFor();
  };
  const inGuild = async () => {
    await rail(ben)
      .getByRole('link', { name: new RegExp(world.guild) })
      .click();
    await openChannel(ben, 'rehearsals');
    await box(ben).waitFor();
  };
  const menuOf = async (target, ...items) => {
    await target.click({ button: 'right' });
    for (const item of items)
      await ben
        .getByRole('menuitem', { name: item })
        .or(ben.getByRole('menuitemradio', { name: item }))
        .click();
  };
  /** Says something that surely calls, so that what was said before has been heard too. */
  const last = async (text) => {
    await box(ada).fill('');
    await box(ada).pressSequentially(`${text} @be`);
    await ada.getByRole('option', { name: /Ben/ }).first().waitFor();
    await box(ada).press('Enter');
    await box(ada).press('Enter');
    await accepted(ada, text);
  };

  await test('a message elsewhere is told of, with who, where and what, and a click goes there', async () => {
    await rail(ada)
      .getByRole('link', { name: new RegExp(world.guild) })
      .click();
    await openChannel(ada, 'general');
    await record(ben);
    await away();
    await say(ada, 'The doors **open** at seven');
    await until(
      async () => (await notes(ben)).some((n) => n === `Ada L. (#general, ${world.guild}): The doors open at seven`),
      'the notification',
    );
    assert(
      await ben.evaluate(() => document.querySelector('link[rel=icon]').dataset.mark !== ''),
      'the icon has no mark',
    );
    await ben.evaluate(() => window.__notes.at(-1).onclick());
    await ben.getByRole('heading', { name: 'general', level: 1 }).waitFor();
    await until(
      async () => (await ben.evaluate(() => document.activeElement?.textContent ?? '')).includes('The doors open'),
      'the message has the focus',
    );
  });

  await test('what is looked at calls nobody', async () => {
    await record(ben);
    await say(ada, 'you see this');
    await ben.getByRole('log').getByText('you see this').waitFor();
    assert((await notes(ben)).length === 0, 'it was told of all the same');
  });

  await test('a muted channel is quiet, and one set to mentions tells of them alone', async () => {
    await inGuild();
    const general = channels(ben)
      .getByRole('link', { name: /^general/ })
      .first();
    await menuOf(general, 'Mute the channel', 'For 1 hour');
    await shot(ben, 'muted-dark');
    await record(ben);
    await last('nobody hears');
    await menuOf(general, 'Unmute the channel');
    await menuOf(general, 'Notifications', 'Only mentions');
    await say(ada, 'not this either');
    await last('but this one');
    await until(async () => (await notes(ben)).length > 0, 'the mention');
    const told = await notes(ben);
    assert(told.length === 1 && /but this one/.test(told[0]), `told of ${told.join(' | ')}`);
    await menuOf(general, 'Notifications', 'As above it');
  });

  await test('do not disturb keeps everything quiet', async () => {
    await ben.getByRole('button', { name: 'Set your status' }).click();
    await ben.getByRole('menuitemradio', { name: 'Do not disturb' }).click();
    await record(ben);
    await last('not now');
    await channels(ben)
      .getByRole('link', { name: /^general.*mention/ })
      .waitFor();
    assert((await notes(ben)).length === 0, 'it was told of');
    await ben.getByRole('button', { name: 'Set your status' }).click();
    await ben.getByRole('menuitemradio', { name: 'Online' }).click();
  });

  await test('the page of notifications says what they are', async () => {
    await ben.getByRole('button', { name: 'Settings', exact: true }).click();
    await ben.getByRole('dialog').getByRole('tab', { name: 'Notifications' }).click();
    await ben.getByRole('switch', { name: 'Sounds' }).uncheck();
    await shot(ben, 'notifications-dark');
    await ben.keyboard.press('Escape');
  });
}
