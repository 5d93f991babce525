/** Making a place one's own: stickers, a welcome, forums, the order of the rail, how one is seen there. */
import { assert, BASE_URL, person, shot, test, until } from './harness.mjs';
import {
  accepted,
  api,
  box,
  channels,
  createCommunity,
  guildMenu,
  home,
  invite,
  log,
  message,
  openChannel,
  picture,
  placeOf,
  rail,
  register,
  say,
} from './person.mjs';

/** A square that turns (the format of Lottie, https://lottie.github.io/lottie-spec/). */
const still = (k) => ({ a: 0, k });
const LOTTIE = {
  v: '5.7.0',
  fr: 30,
  ip: 0,
  op: 60,
  w: 200,
  h: 200,
  assets: [],
  layers: [
    {
      ty: 4,
      ip: 0,
      op: 60,
      st: 0,
      ks: {
        o: still(100),
        p: still([100, 100, 0]),
        a: still([0, 0, 0]),
        s: still([100, 100, 100]),
        r: {
          a: 1,
          k: [
            { t: 0, s: [0], i: { x: [1], y: [1] }, o: { x: [0], y: [0] } },
            { t: 60, s: [360] },
          ],
        },
      },
      shapes: [
        { ty: 'rc', p: still([0, 0]), s: still([110, 110]), r: still(18) },
        { ty: 'fl', c: still([0.05, 0.42, 0.35, 1]), o: still(100) },
      ],
    },
  ],
};

export default async function furnishing(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;
  const settings = () => ada.getByRole('dialog', { name: world.guild });
  const openTab = async (tab) => {
    await guildMenu(ada, world.guild, 'Community settings');
    await settings().getByRole('tab', { name: tab }).click();
  };
  const close = async () => {
    await ada.getByRole('button', { name: 'Close settings' }).click();
    await ada.getByRole('dialog').waitFor({ state: 'detached' });
  };
  const inGuild = async (page) => {
    await rail(page)
      .getByRole('link', { name: new RegExp(world.guild) })
      .first()
      .click();
    await openChannel(page, 'general');
    await box(page).waitFor();
  };

  await test('a sticker is added, sent, and seen', async () => {
    await inGuild(ada);
    await inGuild(ben);
    await openTab('Stickers');
    const buffer = await picture(ada, 640, 480, '#0c6a5b');
    await settings().getByTestId('sticker-input').setInputFiles({ name: 'bravo.png', mimeType: 'image/png', buffer });
    await settings().getByLabel('An emoji it stands for').fill('👏');
    await settings().getByRole('button', { name: 'Add it' }).click();
    await settings().getByLabel('Name of bravo').waitFor();
    await shot(ada, 'stickers');
    await close();
    await ben.getByRole('button', { name: 'Stickers' }).click();
    const picker = ben.getByRole('dialog', { name: 'Choose a sticker' });
    await picker.getByLabel('Find a sticker').fill('bra');
    await picker.getByRole('button', { name: 'bravo' }).waitFor();
    await shot(ben, 'sticker-picker-dark');
    await ben.keyboard.press('Enter');
    const image = log(ada).getByRole('img', { name: 'Sticker: bravo' }).last();
    await image.waitFor();
    await until(() => image.evaluate((i) => i.complete && i.naturalWidth === 320), 'it is made small, and loads');
  });

  await test('a sticker that is drawn by a program is added, sent, and moves', async () => {
    await openTab('Stickers');
    const buffer = Buffer.from(JSON.stringify(LOTTIE));
    await settings()
      .getByTestId('sticker-input')
      .setInputFiles({ name: 'spin.json', mimeType: 'application/json', buffer });
    await settings().getByRole('img', { name: 'The new sticker' }).locator('svg').waitFor();
    await settings().getByLabel('An emoji it stands for').fill('🌀');
    await settings().getByRole('button', { name: 'Add it' }).click();
    await settings().getByLabel('Name of spin').waitFor();
    await close();
    await ben.emulateMedia({ reducedMotion: 'no-preference' });
    await ada.getByRole('button', { name: 'Stickers' }).click();
    const picker = ada.getByRole('dialog', { name: 'Choose a sticker' });
    await picker.getByRole('button', { name: 'spin' }).locator('svg').waitFor();
    await picker.getByRole('button', { name: 'spin' }).click();
    const drawing = log(ben).getByRole('img', { name: 'Sticker: spin' }).last().locator('svg');
    await drawing.waitFor();
    const first = await drawing.innerHTML();
    await until(async () => (await drawing.innerHTML()) !== first, 'it moves');
    await shot(ben, 'sticker-drawn-dark');
    await ben.emulateMedia({ reducedMotion: 'reduce' });
  });

  await test('a newcomer is asked, and given the roles and channels of the answers', async () => {
    const [guild] = placeOf(ada);
    const made = [];
    for (const name of ['strings', 'brass', 'reeds', 'drums', 'scores', 'notices'])
      made.push(await api(ada, 'POST', `/guilds/${guild}/channels`, { name, type: 0 }));
    const role = await api(ada, 'POST', `/guilds/${guild}/roles`, { name: 'Strings' });
    await openTab('Onboarding');
    for (const name of ['general', 'brass', 'reeds', 'drums', 'scores', 'notices'])
      await settings()
        .getByRole('group', { name: 'Channels everyone begins with' })
        .getByRole('checkbox', { name, exact: true })
        .check();
    await settings().getByRole('button', { name: 'Add a question' }).click();
    const question = settings().getByRole('article', { name: 'Question 1' });
    await question.getByLabel('What is asked').fill('What do you play?');
    await question.getByRole('switch', { name: 'One answer at most' }).check();
    await question.getByRole('switch', { name: 'Needs an answer' }).check();
    const answer = question.getByRole('group', { name: 'Answer 1', exact: true });
    await answer.getByLabel('Answer 1', { exact: true }).fill('The violin');
    await question.getByText('“The violin” gives no role and no channel.').waitFor();
    await answer.getByRole('button', { name: 'Emoji of answer 1' }).click();
    await settings().getByLabel('Find an emoji').fill('violin');
    await settings().getByRole('dialog').getByRole('button', { name: 'violin', exact: true }).first().click();
    await answer.getByLabel('Give a role with answer 1').selectOption({ label: 'Strings' });
    await answer.getByLabel('Give a channel with answer 1').selectOption({ label: '#strings' });
    await settings().getByRole('switch', { name: 'Channels of answers count, too' }).check();
    await settings().getByRole('switch', { name: 'Ask newcomers' }).check();
    await shot(ada, 'onboarding-settings');
    await settings().getByRole('button', { name: 'Save changes' }).click();
    await ada.getByText('Saved').first().waitFor();
    await close();
    const address = await invite(ada, world.guild);
    const fay = await person('Fay');
    const { page } = fay;
    await register(fay);
    await home(page).waitFor();
    await page.goto(address);
    await page.getByRole('button', { name: `Join ${world.guild}` }).click();
    const dialog = page.getByRole('dialog', { name: `Welcome to ${world.guild}` });
    await dialog.getByRole('group', { name: /What do you play/ }).waitFor();
    assert(
      await dialog.getByRole('button', { name: 'Finish' }).isDisabled(),
      'what needs an answer can be passed over',
    );
    await dialog.getByText('The violin').click();
    await shot(page, 'onboarding');
    await dialog.getByRole('button', { name: 'Finish' }).click();
    await channels(page).getByRole('link', { name: 'strings' }).waitFor();
    const member = await api(page, 'GET', `/users/@me/guilds/${guild}/member`);
    assert(member.roles.includes(role.id), 'the role was not given');
    await page.getByRole('button', { name: /more channel.*not in your list/ }).click();
    const choice = page.getByRole('dialog', { name: 'Channels and roles' });
    await choice.getByRole('checkbox', { name: 'The violin' }).uncheck({ force: true });
    await choice.getByText('Questions with a star need an answer.').waitFor();
    await choice.getByRole('checkbox', { name: 'The violin' }).check({ force: true });
    await choice.getByRole('checkbox', { name: 'drums' }).uncheck();
    await shot(page, 'channels-and-roles');
    await choice.getByRole('button', { name: 'Save' }).click();
    await channels(page).getByRole('link', { name: 'drums' }).waitFor({ state: 'detached' });
    await fay.context.close();
    await api(ada, 'PUT', `/guilds/${guild}/onboarding`, { enabled: false, prompts: [] });
    for (const channel of made) await api(ada, 'DELETE', `/channels/${channel.id}`);
    await api(ada, 'DELETE', `/guilds/${guild}/roles/${role.id}`);
  });

  await test('a newcomer is welcomed, and shown where to begin', async () => {
    await openTab('Welcome screen');
    await settings().getByLabel('Words of welcome').fill('Sit down, the music begins soon.');
    await settings().getByRole('button', { name: 'Add a channel' }).click();
    await settings().getByLabel('What channel 1 is for').fill('Say hello here');
    await settings().getByRole('switch', { name: 'Show it to newcomers' }).check();
    await settings().getByRole('button', { name: 'Save changes' }).click();
    await ada.getByText('Saved').first().waitFor();
    await shot(ada, 'welcome-settings');
    await close();
    const address = await invite(ada, world.guild);
    const dora = await person('Dora');
    await register(dora);
    await home(dora.page).waitFor();
    await dora.page.goto(address);
    await dora.page.getByRole('button', { name: `Join ${world.guild}` }).click();
    const welcome = dora.page.getByRole('dialog', { name: `Welcome to ${world.guild}` });
    await welcome.getByText('Sit down, the music begins soon.').waitFor();
    await welcome.getByRole('button', { name: /Say hello here/ }).waitFor();
    await shot(dora.page, 'welcome');
    await welcome.getByRole('button', { name: /Say hello here/ }).click();
    await box(dora.page).waitFor();
    await dora.context.close();
  });

  await test('a forum is given tags and guidelines from its settings', async () => {
    const forum = await api(ada, 'POST', `/guilds/${placeOf(ada)[0]}/channels`, { name: 'advice', type: 15 });
    await channels(ada)
      .getByRole('link', { name: /advice/ })
      .click({ button: 'right' });
    await ada.getByRole('menuitem', { name: 'Edit the channel' }).click();
    const dialog = ada.getByRole('dialog', { name: 'advice' });
    await dialog.getByLabel('Guidelines').fill('Ask *kindly*.');
    await dialog.getByRole('button', { name: 'Add a tag' }).click();
    await dialog.getByLabel('Name of tag 1').fill('tuning');
    await dialog.getByRole('button', { name: 'Save changes' }).click();
    await ada.getByText('Saved').first().waitFor();
    await shot(ada, 'forum-settings');
    await ada.keyboard.press('Escape');
    await channels(ben)
      .getByRole('link', { name: /advice/ })
      .click();
    await ben.getByRole('group', { name: 'Show posts with a tag' }).getByRole('button', { name: 'tuning' }).waitFor();
    await ben.getByText('Guidelines').click();
    await ben.locator('.guide em', { hasText: 'kindly' }).waitFor();
    await api(ada, 'DELETE', `/channels/${forum.id}`);
    await openChannel(ben, 'general');
  });

  await test('somebody has a name and a face of their own in a community', async () => {
    await guildMenu(ben, world.guild, 'Your profile here');
    const dialog = ben.getByRole('dialog', { name: `You in ${world.guild}` });
    const buffer = await picture(ben, 200, 200, '#d48a0c');
    await dialog.locator('input[type=file]').setInputFiles({ name: 'here.png', mimeType: 'image/png', buffer });
    await dialog.getByLabel('Nickname').fill('Second Viola');
    await shot(ben, 'member-profile-dark');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    const row = ada.getByRole('complementary', { name: 'Members' }).getByRole('button', { name: /Second Viola/ });
    await row.waitFor();
    await until(
      () => row.locator('img').evaluate((i) => /guilds/.test(i.src) && i.complete && i.naturalWidth > 0),
      'the face',
    );
    const { id } = await api(ben, 'GET', '/users/@me');
    await api(ben, 'PATCH', `/guilds/${placeOf(ben)[0]}/members/@me`, { nick: null, avatar: null });
    assert(id, 'no account');
    await row.waitFor({ state: 'detached' });
  });

  await test('a note about somebody is kept, and a role has a menu', async () => {
    const members = ada.getByRole('complementary', { name: 'Members' });
    await members.getByRole('button', { name: /Ben/ }).click();
    const card = ada.getByRole('dialog', { name: /Profile of Ben/ });
    await card.getByLabel('Note').fill('plays too fast');
    await card.getByLabel('Note').press('Enter');
    await ada.keyboard.press('Escape');
    await members.getByRole('button', { name: /Ben/ }).click();
    await until(async () => (await card.getByLabel('Note').inputValue()) === 'plays too fast', 'the note is there');
    await card.getByText('Conductors').click({ button: 'right' });
    await ada.getByRole('menuitem', { name: 'Edit the role' }).click();
    await settings().getByRole('textbox', { name: 'Name' }).waitFor();
    assert((await settings().getByRole('textbox', { name: 'Name' }).inputValue()) === 'Conductors', 'another role');
    await close();
  });

  await test('communities are put in order and in folders, and stay so', async () => {
    await createCommunity(ada, 'The Annex');
    await createCommunity(ada, 'نادي الموسيقى');
    const entry = (name) =>
      rail(ada)
        .locator('li.entry')
        .filter({ has: ada.getByRole('link', { name, exact: false }) });
    const order = () =>
      rail(ada)
        .locator('li.entry a[href^="/channels/"]')
        .evaluateAll((all) => all.map((a) => a.title));
    await entry('The Annex').dragTo(entry(world.guild), { targetPosition: { x: 36, y: 4 } });
    await until(async () => (await order()).join().includes(`The Annex,${world.guild}`), 'the annex is above');
    await entry('نادي').dragTo(entry('The Annex'));
    const folder = rail(ada).getByRole('button', { name: /^Folder The Annex/ });
    await folder.waitFor();
    await folder.click();
    await entry('نادي').waitFor();
    await shot(ada, 'rail-folder');
    await folder.click({ button: 'right' });
    await ada.getByRole('menuitem', { name: 'Name and colour' }).click();
    await ada.getByRole('dialog', { name: 'The folder' }).getByLabel('Name').fill('Side projects');
    await ada.getByRole('dialog', { name: 'The folder' }).getByRole('button', { name: 'Save' }).click();
    await rail(ada)
      .getByRole('button', { name: /^Folder Side projects/ })
      .waitFor();
    await ada.reload();
    await rail(ada)
      .getByRole('button', { name: /^Folder Side projects, 2 communities/ })
      .waitFor();
    await entry('The Annex').click({ button: 'right' });
    await ada.getByRole('menuitem', { name: 'Place in the rail' }).click();
    await ada.getByRole('menuitem', { name: 'Take out of the folder' }).click();
    await rail(ada)
      .getByRole('button', { name: /^Folder Side projects, 1 community/ })
      .waitFor();
    for (const name of ['The Annex', 'نادي الموسيقى']) {
      const { id } = (await api(ada, 'GET', '/users/@me/guilds')).find((g) => g.name === name);
      await api(ada, 'DELETE', `/guilds/${id}`);
    }
    await rail(ada)
      .getByRole('button', { name: /^Folder/ })
      .waitFor({ state: 'detached' });
    await inGuild(ada);
  });

  await test('a text file is read in the page, and a link to a message shows it', async () => {
    const text = Array.from({ length: 12 }, (_, i) => `bar ${i + 1}: la`).join('\n');
    await ada
      .getByTestId('file-input')
      .setInputFiles({ name: 'part.txt', mimeType: 'text/plain', buffer: Buffer.from(text) });
    await say(ada, 'the viola part');
    await accepted(ada, 'the viola part');
    const row = message(ben, 'the viola part');
    await row.getByText('bar 8: la').waitFor();
    assert((await row.getByText('bar 12: la').count()) === 0, 'all of it is shown at once');
    await row.getByRole('button', { name: 'Show 4 more lines' }).click();
    await row.getByText('bar 12: la').waitFor();
    await shot(ben, 'text-file-dark');
    const [guild, channel] = placeOf(ada);
    const found = (await api(ada, 'GET', `/channels/${channel}/messages?limit=5`)).find(
      (m) => m.content === 'the viola part',
    );
    await say(ada, `here: ${BASE_URL}/channels/${guild}/${channel}/${found.id}`);
    const card = message(ben, 'here:').getByRole('link', { name: /^Message of Ada/ });
    await card.getByText('the viola part').waitFor();
    await shot(ben, 'message-card-dark');
    // Pressing what is half out of sight has moved the log.
    await box(ben).press('Escape');
  });
}
