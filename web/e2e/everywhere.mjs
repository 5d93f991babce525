/** Every page and dialog, looked through by axe in both themes. */
import { assert, BASE_URL, person, shot, test } from './harness.mjs';
import { violations } from './axe.mjs';
import {
  act,
  api,
  box,
  channels,
  guildMenu,
  home,
  message,
  more,
  openChannel,
  placeOf,
  rail,
  say,
  accepted,
} from './person.mjs';

export default async function everywhere(world) {
  const ada = world.ada.page;
  const members = ada.getByRole('complementary', { name: 'Members' });
  const found = [];
  const look = async (name, part) => {
    found.push(...(await violations(ada, part)).map((v) => `${name}: ${v}`));
    await shot(ada, `at-${name.replace(/\W+/g, '-').toLowerCase()}`);
  };
  const settled = () => {
    const all = found.splice(0);
    assert(all.length === 0, all.join('\n'));
  };
  /** Looks at what was opened, and closes it. */
  const dialog = async (name, title) => {
    await ada.getByRole('dialog', { name: title }).last().waitFor();
    await look(name, 'dialog[open], [popover]:popover-open');
    await ada.keyboard.press('Escape');
    await ada.getByRole('dialog', { name: title }).waitFor({ state: 'detached' });
  };
  /** The names of tabs, once they are there: what is opened is loaded first. */
  const namesOf = async (tabs) => {
    await tabs.first().waitFor();
    return tabs.allTextContents();
  };
  const fromMenu = async (target, ...items) => {
    await target.click({ button: 'right' });
    for (const item of items) await ada.getByRole('menuitem', { name: item, exact: true }).click();
  };

  await test('axe finds nothing in a channel, its panels and its pickers', async () => {
    await rail(ada)
      .getByRole('link', { name: new RegExp(world.guild) })
      .first()
      .click();
    await openChannel(ada, 'general');
    await say(ada, 'seen by axe');
    await accepted(ada, 'seen by axe');
    await look('channel');
    await ada.getByRole('button', { name: 'Pinned messages' }).click();
    await look('pins', 'aside');
    await ada.getByRole('button', { name: /^Threads/ }).click();
    await look('threads', 'aside');
    await ada.getByRole('button', { name: /^Threads/ }).click();
    await ada.getByRole('button', { name: 'Emoji', exact: true }).click();
    await dialog('emoji picker', 'Choose an emoji');
    await ada.getByRole('button', { name: 'Stickers' }).click();
    await dialog('sticker picker', 'Choose a sticker');
    await box(ada).pressSequentially('/');
    await ada.getByRole('listbox', { name: 'Commands' }).getByRole('option').first().waitFor();
    await look('commands', 'form');
    await box(ada).fill('');
    await act(ada, 'seen by axe', 'More actions');
    await look('message menu', '[role=menu]');
    await ada.keyboard.press('Escape');
    settled();
  });

  await test('axe finds nothing in what is opened from messages and people', async () => {
    await more(ada, 'seen by axe', 'Forward');
    await dialog('forward', 'Forward');
    await more(ada, 'seen by axe', 'Start a thread');
    await dialog('start a thread', 'Start a thread');
    await more(ada, 'seen by axe', 'Delete');
    await dialog('confirm', 'Delete message');
    await members.getByRole('button', { name: /Ben/ }).click();
    await dialog('profile', /Profile of Ben/);
    const ben = members.getByRole('button', { name: /Ben/ });
    await fromMenu(ben, 'Change nickname');
    await dialog('nickname', /Nickname of/);
    await fromMenu(ben, 'Ban');
    await dialog('ban', /Ban Ben/);
    await fromMenu(ben, 'Time out', 'Another time…');
    await dialog('time-out', /Time out Ben/);
    await ada.getByRole('button', { name: 'Add to the message' }).click();
    await ada.getByRole('menuitem', { name: 'Start a poll' }).click();
    await dialog('poll', 'Start a poll');
    const picture = message(ada, 'Three leaves').getByRole('button', { name: /Open image/ });
    if (await picture.count()) {
      await picture.first().click();
      await dialog('lightbox', /^Image/);
    }
    settled();
  });

  await test('axe finds nothing in what is opened from the rail and the panel', async () => {
    await rail(ada).getByRole('button', { name: 'Create a community' }).click();
    await dialog('create a community', 'Create a community');
    await rail(ada).getByRole('button', { name: 'Join with an invite' }).click();
    await dialog('join', 'Join a community');
    await rail(ada)
      .getByRole('button', { name: /^Inbox/ })
      .click();
    await dialog('inbox', 'Inbox');
    await ada.keyboard.press('Control+k');
    await dialog('switcher', 'Quick switcher');
    await ada.keyboard.press('Control+/');
    await dialog('shortcuts', 'Keyboard shortcuts');
    for (const [item, title] of [
      ['Invite people', /^Invite people/],
      ['Create channel', 'Create a channel'],
      ['Create category', 'Create a category'],
      ['Your profile here', /^You in/],
      ['Welcome screen', /^Welcome to/],
    ]) {
      await guildMenu(ada, world.guild, item);
      await dialog(item, title);
    }
    await ada.getByRole('button', { name: 'Set your status' }).click();
    await look('status menu', '[role=menu]');
    await ada.getByRole('menuitem', { name: /Say what you are up to|Change your words/ }).click();
    await dialog('custom status', 'Your status');
    settled();
  });

  await test('axe finds nothing in any page of the settings', async () => {
    await guildMenu(ada, world.guild, 'Community settings');
    const tabs = ada.getByRole('dialog').getByRole('tab');
    for (const name of await namesOf(tabs)) {
      await tabs.filter({ hasText: name }).click();
      await ada.getByRole('tabpanel').getByRole('heading', { level: 3 }).waitFor();
      if (name === 'Roles')
        await ada
          .getByRole('list', { name: 'Roles' })
          .getByRole('button', { name: /^Conductors/ })
          .click();
      await look(`community ${name}`, 'dialog[open]');
    }
    await ada.keyboard.press('Escape');
    await ada.getByRole('dialog').waitFor({ state: 'detached' });
    await ada.getByRole('button', { name: 'Settings', exact: true }).click();
    const own = ada.getByRole('dialog', { name: 'Settings' }).getByRole('tab');
    for (const name of await namesOf(own)) {
      await own.filter({ hasText: name }).click();
      await ada.getByRole('tabpanel').getByRole('heading', { level: 3 }).waitFor();
      // What is folded is looked at open.
      await ada.evaluate(() => document.querySelectorAll('details').forEach((d) => (d.open = true)));
      await look(`settings ${name}`, 'dialog[open]');
    }
    await ada.keyboard.press('Escape');
    await ada.getByRole('dialog').waitFor({ state: 'detached' });
    await fromMenu(
      channels(ada)
        .getByRole('link', { name: /^general/ })
        .first(),
      'Edit the channel',
    );
    for (const tab of ['Overview', 'Permissions']) {
      await ada.getByRole('dialog').getByRole('tab', { name: tab }).click();
      await look(`channel ${tab}`, 'dialog[open]');
    }
    await ada.keyboard.press('Escape');
    await ada.getByRole('dialog').waitFor({ state: 'detached' });
    settled();
  });

  await test('axe finds nothing in a forum, at home, and at the door', async () => {
    await openChannel(ada, 'questions');
    await ada.getByRole('main', { name: 'Forum questions' }).waitFor();
    await look('forum');
    await ada.getByRole('button', { name: 'New post' }).click();
    await look('new post', 'form');
    const place = placeOf(ada);
    await rail(ada).getByRole('link', { name: /^Home/ }).click();
    await home(ada).waitFor();
    for (const tab of ['Online', 'All', 'Pending', 'Blocked', 'Add friend']) {
      await ada.getByRole('tab', { name: new RegExp(`^${tab}`) }).click();
      await look(`home ${tab}`, tab === 'Online' ? 'html' : 'main');
    }
    await ada.getByRole('button', { name: 'New group' }).click();
    await dialog('group', 'New group');
    const [app] = await api(ada, 'GET', '/applications');
    await ada.goto(`${BASE_URL}/oauth2/authorize?client_id=${app.id}&scope=bot&permissions=2048`);
    await ada.getByRole('heading', { name: `Add ${app.name}` }).waitFor();
    await look('authorize');
    const { code } = await api(ada, 'POST', `/channels/${place[1]}/invites`, {});
    await ada.goto(`${BASE_URL}/invite/${code}`);
    await ada.getByRole('heading', { name: world.guild }).waitFor();
    await look('invite');
    const stranger = await person('Stranger');
    for (const path of ['login', 'register', 'invite/nosuchcode']) {
      await stranger.page.goto(`${BASE_URL}/${path}`);
      await stranger.page.getByRole('heading', { level: 1 }).waitFor();
      found.push(...(await violations(stranger.page)).map((v) => `${path}: ${v}`));
    }
    await stranger.context.close();
    await ada.goto(`${BASE_URL}/channels/${place[0]}`);
    await box(ada).waitFor();
    settled();
  });
}
