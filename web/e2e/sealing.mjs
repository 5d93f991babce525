/** Calls that are encrypted from end to end: the same digits for everybody, falling back and coming back, and a bot's library in between. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { assert, BASE_URL, person, shot, test, until } from './harness.mjs';
import { violations } from './axe.mjs';
import { api, box, channels, createCommunity, guildMenu, invite, placeOf, register } from './person.mjs';
import { connected, hears } from './voice.mjs';

/** The authority of the server's voice gateway, as a file: bots' libraries speak to nobody whom they cannot verify. */
const CA = process.env.VOICE_CA;
/** The server lets nobody in who cannot encrypt (`--voice-dave require`). */
const REQUIRED = !!process.env.VOICE_REQUIRED;

const lock = (page) => page.getByRole('region', { name: 'Voice' }).locator('button[data-encryption]');
/** Waits until a call is encrypted in some way, as the bar shows it. */
const encryption = (page, how) =>
  page.getByRole('region', { name: 'Voice' }).locator(`button[data-encryption="${how}"]`).waitFor();
const dialog = (page) => page.getByRole('dialog', { name: 'Encryption' });

/** Looks at the digits of the call, and at those shared with somebody. */
async function digits(page, who) {
  await lock(page).click();
  const code = await dialog(page).getByLabel('Privacy code', { exact: true }).textContent();
  let pair = '';
  if (who) {
    await dialog(page)
      .getByRole('button', { name: `Compare codes with ${who}` })
      .click();
    const shown = dialog(page).getByLabel(`Code with ${who}`);
    pair = await until(async () => /^[\d ]+$/.exec((await shown.textContent()) ?? '')?.[0], `a code with ${who}`);
  }
  return { code, pair };
}
const done = async (page) => {
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'detached' });
};
const join = async (page) => {
  await channels(page)
    .getByRole('link', { name: /Back room/ })
    .click();
  await connected(page);
};
const leave = (page) => page.getByRole('button', { name: 'Leave the voice channel' }).click();

export default async function sealing() {
  const permissions = ['microphone', 'clipboard-read', 'clipboard-write'];
  const kaja = await person('Kaja', { permissions });
  const milo = await person('Milo', { permissions, colorScheme: 'dark' });
  const [a, b] = [kaja.page, milo.page];
  let link;
  let before;

  await test(
    'two people are in a call that is encrypted from end to end',
    async () => {
      await register(kaja);
      await createCommunity(a, 'The Vault');
      await guildMenu(a, 'The Vault', 'Create channel');
      await a.getByRole('radio', { name: /^Voice/ }).check();
      await a.getByLabel('Name').fill('Back room');
      await a.getByRole('button', { name: 'Create', exact: true }).click();
      link = await invite(a, 'The Vault');
      await b.goto(link);
      await register(milo, link);
      await b.getByRole('button', { name: 'Join The Vault' }).click();
      await box(b).waitFor();
      await join(a);
      await encryption(a, 'waiting');
      await join(b);
      for (const page of [a, b]) await encryption(page, 'sealed');
      await until(async () => (await hears(a, 'Milo')) > 0.02, 'Kaja hears Milo');
      await until(async () => (await hears(b, 'Kaja')) > 0.02, 'Milo hears Kaja');
    },
    { vital: true },
  );

  await test('both see the same digits, for the call and for one another', async () => {
    const theirs = await digits(b, 'Kaja');
    const own = await digits(a, 'Milo');
    assert(/^(\d{5} ?){6}$/.test(own.code), `the code is ${own.code}`);
    assert(own.code === theirs.code, `${own.code} is not ${theirs.code}`);
    assert(/^(\d{5} ?){9}$/.test(own.pair), `the code with Milo is ${own.pair}`);
    assert(own.pair === theirs.pair, `${own.pair} is not ${theirs.pair}`);
    before = own.code;
    await shot(a, 'sealing-light');
    await shot(b, 'sealing-dark');
    const found = await violations(a, 'dialog');
    assert(!found.length, found.join('\n'));
    await a.setViewportSize({ width: 390, height: 844 });
    await shot(a, 'sealing-phone');
    await a.setViewportSize({ width: 1280, height: 800 });
    for (const page of [a, b]) await done(page);
  });

  await test('an encrypted picture is seen', async () => {
    await a.getByRole('region', { name: 'Voice' }).getByRole('button', { name: 'Camera' }).click();
    const picture = b.getByLabel('Picture of Kaja');
    const frames = () => picture.evaluate((v) => (v.videoWidth > 0 ? v.getVideoPlaybackQuality().totalVideoFrames : 0));
    await until(async () => (await frames()) > 5, 'frames');
    await encryption(b, 'sealed');
  });

  if (!REQUIRED)
    await test('whoever cannot encrypt is let in by all falling back, until they leave', async () => {
      const olga = await person('Olga', { permissions });
      await olga.page.addInitScript(() => delete window.RTCRtpScriptTransform);
      await olga.page.goto(link);
      await register(olga, link);
      await olga.page.getByRole('button', { name: 'Join The Vault' }).click();
      await box(olga.page).waitFor();
      await join(olga.page);
      for (const { page } of [kaja, milo, olga]) await encryption(page, 'clear');
      await until(async () => (await hears(olga.page, 'Kaja')) > 0.02, 'Olga hears Kaja');
      await until(async () => (await hears(a, 'Olga')) > 0.02, 'Kaja hears Olga');
      await leave(olga.page);
      for (const page of [a, b]) await encryption(page, 'sealed');
      await until(async () => (await hears(a, 'Milo')) > 0.02, 'Kaja hears Milo');
      const picture = b.getByLabel('Picture of Kaja');
      const frames = () => picture.evaluate((v) => v.getVideoPlaybackQuality().totalVideoFrames);
      // It is drawn by another element when the connection was made anew meanwhile.
      const goesOn = async () => {
        const seen = await frames();
        await b.waitForTimeout(300);
        return (await frames()) > seen;
      };
      await until(goesOn, 'the picture goes on');
      const { code } = await digits(a);
      assert(code !== before, 'another group has other digits');
      await done(a);
      await olga.context.close();
    });

  await test('the call stays encrypted when a connection is cut, and when somebody leaves and comes again', async () => {
    await a.evaluate(() =>
      window.__sockets
        .filter((s) => s.url.includes('/voice?'))
        .at(-1)
        .close(),
    );
    await leave(b);
    await encryption(a, 'waiting');
    await join(b);
    for (const page of [a, b]) await encryption(page, 'sealed');
    await until(async () => (await hears(b, 'Kaja')) > 0.02, 'Milo hears Kaja');
    await until(async () => (await hears(a, 'Milo')) > 0.02, 'Kaja hears Milo');
  });

  if (CA) await test('a bot with its own library is in the encrypted call', () => withBot(kaja, milo));
  else console.log('left out: a bot in an encrypted call (VOICE_CA=DATA/tls/ca.pem of the server)');

  await kaja.context.close();
  await milo.context.close();
}

/** A bot says again what it hears of Kaja; Milo hears it. */
async function withBot(kaja, milo) {
  const [guild] = placeOf(kaja.page);
  const application = await api(kaja.page, 'POST', '/applications', { name: 'Parrot' });
  const { token } = await api(kaja.page, 'POST', `/applications/${application.id}/bot`, {});
  const grant = `/oauth2/authorize?client_id=${application.id}&scope=bot&permissions=3145728`;
  await api(kaja.page, 'POST', grant, {
    guild_id: guild,
    permissions: '3145728',
    authorize: true,
    integration_type: 0,
  });
  const all = await api(kaja.page, 'GET', `/guilds/${guild}/channels`);
  const channel = all.find((c) => c.name === 'Back room').id;
  const me = await api(kaja.page, 'GET', '/users/@me');
  const bot = spawn(process.execPath, ['--experimental-websocket', '--no-warnings', 'e2e/parrot.mjs'], {
    env: {
      ...process.env,
      BASE_URL,
      TOKEN: token,
      GUILD: guild,
      CHANNEL: channel,
      LISTEN_TO: me.id,
      NODE_EXTRA_CA_CERTS: CA,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const said = {};
  createInterface({ input: bot.stdout }).on('line', (line) => Object.assign(said, JSON.parse(line)));
  try {
    const code = await until(() => said.code, 'the bot is in the group');
    const shown = await until(async () => {
      const { code: own } = await digits(kaja.page);
      await done(kaja.page);
      return own.replaceAll(' ', '') === said.code && own;
    }, `the bot's digits, ${code}`);
    assert(shown.length > 20, 'digits');
    await until(() => said.opened > 20, 'the bot opens frames of Kaja');
    await until(async () => (await hears(milo.page, 'Parrot')) > 0.02, 'Milo hears the bot');
    await encryption(milo.page, 'sealed');
  } finally {
    bot.stdin.end();
    await once(bot, 'exit');
  }
}
