import { assert, person, shot, test, until } from './harness.mjs';
import { violations } from './axe.mjs';
import { box, channels, createCommunity, guildMenu, invite, register } from './person.mjs';

/** The loudest level of somebody's voice on a page within a time, 0 to 1, measured where it is played. */
export const hears = (page, who, ms = 1300) =>
  page.evaluate(
    async ([who, ms]) => {
      const label = `Voice of ${who}`;
      const element = [...document.querySelectorAll('audio')].find((a) => a.getAttribute('aria-label') === label);
      if (!element?.srcObject) return -1;
      const context = (window.__ears ??= new AudioContext());
      const analyser = context.createAnalyser();
      const source = context.createMediaStreamSource(element.srcObject);
      source.connect(analyser);
      const samples = new Float32Array(analyser.fftSize);
      let peak = 0;
      for (const end = performance.now() + ms; performance.now() < end;) {
        analyser.getFloatTimeDomainData(samples);
        for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
        if (peak > 0.02) break;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      source.disconnect();
      return peak;
    },
    [who, ms],
  );
const people = (page) => page.getByRole('list', { name: 'Connected to Rehearsal room' });
const row = (page, who) => people(page).getByRole('button', { name: new RegExp(`^${who}`) });
export const connected = (page) => page.locator('[data-voice="connected"]').waitFor();
const panel = (page) => page.getByRole('region', { name: 'Your account' });
/** Waits until somebody is shown to speak, which a beep may be for some frames only: too short for what looks now and then. */
const speaks = (page, who, yes = true) =>
  page.waitForFunction(
    ([who, yes]) =>
      [...document.querySelectorAll('[data-speaking]')].some(
        (b) => b.dataset.speaking === String(yes) && b.querySelector('.truncate')?.textContent === who,
      ),
    [who, yes],
  );

export default async function voice() {
  const permissions = ['microphone', 'clipboard-read', 'clipboard-write'];
  const vera = await person('Vera', { permissions });
  const will = await person('Will', { permissions, colorScheme: 'dark' });
  const [a, b] = [vera.page, will.page];

  await test(
    'two people meet in a community with a voice channel',
    async () => {
      await register(vera);
      await createCommunity(a, 'The Choir');
      await guildMenu(a, 'The Choir', 'Create channel');
      await a.getByRole('radio', { name: /^Voice/ }).check();
      await a.getByLabel('Name').fill('Rehearsal room');
      await a.getByRole('button', { name: 'Create', exact: true }).click();
      await channels(a).getByRole('link', { name: 'Rehearsal room' }).waitFor();
      const link = await invite(a, 'The Choir');
      await b.goto(link);
      await register(will, link);
      await b.getByRole('button', { name: 'Join The Choir' }).click();
      await box(b).waitFor();
    },
    { vital: true },
  );

  await test(
    'a click joins a voice channel, and both are listed under it',
    async () => {
      for (const page of [a, b])
        await channels(page)
          .getByRole('link', { name: /Rehearsal room/ })
          .click();
      for (const page of [a, b]) {
        await connected(page);
        for (const who of ['Vera', 'Will']) await row(page, who).waitFor();
      }
    },
    { vital: true },
  );

  await test('each hears the other, and sees who speaks', async () => {
    await until(async () => (await hears(a, 'Will')) > 0.02, 'Vera hears Will');
    await until(async () => (await hears(b, 'Vera')) > 0.02, 'Will hears Vera');
    await speaks(a, 'Will');
    await speaks(b, 'Vera');
    await shot(a, 'voice-light');
    await shot(b, 'voice-dark');
  });

  await test('whoever is muted is not heard, and is shown so', async () => {
    await panel(b).getByRole('button', { name: 'Mute' }).click();
    await row(a, 'Will').getByText('muted').waitFor({ state: 'attached' });
    await speaks(a, 'Will', false);
    // The last of it is in the buffers of the receiver for a moment.
    await until(async () => (await hears(a, 'Will', 1300)) < 0.005, 'Vera hears Will no longer');
    await panel(b).getByRole('button', { name: 'Mute' }).click();
    await until(async () => (await hears(a, 'Will')) > 0.02, 'Vera hears Will again');
  });

  await test('a camera is seen by the other, and gone when it is switched off', async () => {
    const bar = a.getByRole('region', { name: 'Voice' });
    await bar.getByRole('button', { name: 'Camera' }).click();
    const picture = b.getByLabel('Picture of Vera');
    const frames = () => picture.evaluate((v) => (v.videoWidth > 0 ? v.getVideoPlaybackQuality().totalVideoFrames : 0));
    await until(async () => (await frames()) > 5, 'frames');
    const before = await frames();
    await until(async () => (await frames()) > before + 5, 'the picture moves');
    for (const [page, name] of [
      [a, 'light'],
      [b, 'dark'],
    ]) {
      await page.setViewportSize({ width: 1440, height: 900 });
      await shot(page, `voice-camera-${name}`);
      await page.setViewportSize({ width: 1280, height: 800 });
    }
    await bar.getByRole('button', { name: 'Camera' }).click();
    await picture.waitFor({ state: 'detached' });
  });

  await test('a screen is shared, and ends when the browser ends it', async () => {
    const bar = a.getByRole('region', { name: 'Voice' });
    const button = bar.getByRole('button', { name: 'Share your screen' });
    await button.click();
    const picture = b.getByLabel('Picture of Vera');
    const frames = () => picture.evaluate((v) => (v.videoWidth > 0 ? v.getVideoPlaybackQuality().totalVideoFrames : 0));
    await until(async () => (await frames()) > 5, 'frames');
    await shot(b, 'voice-screen-dark');
    await a.locator('button[aria-label="Share your screen"][aria-pressed="true"]').waitFor();
    // As the browser's own "Stop sharing" does.
    await a.getByLabel('Picture of Vera').evaluate((v) => {
      const [track] = v.srcObject.getVideoTracks();
      track.stop();
      track.dispatchEvent(new Event('ended'));
    });
    await picture.waitFor({ state: 'detached' });
    await a.locator('button[aria-label="Share your screen"][aria-pressed="false"]').waitFor();
  });

  await test('whoever leaves and comes again is seen again', async () => {
    const bar = a.getByRole('region', { name: 'Voice' });
    await bar.getByRole('button', { name: 'Camera' }).click();
    const picture = b.getByLabel('Picture of Vera');
    const frames = () => picture.evaluate((v) => (v.videoWidth > 0 ? v.getVideoPlaybackQuality().totalVideoFrames : 0));
    await until(async () => (await frames()) > 5, 'frames');
    await a.getByRole('button', { name: 'Leave the voice channel' }).click();
    await picture.waitFor({ state: 'detached' });
    await channels(a)
      .getByRole('link', { name: /Rehearsal room/ })
      .click();
    await connected(a);
    await until(async () => (await hears(b, 'Vera')) > 0.02, 'Will hears Vera');
    await bar.getByRole('button', { name: 'Camera' }).click();
    await until(async () => (await frames()) > 5, 'frames again');
    await bar.getByRole('button', { name: 'Camera' }).click();
    await picture.waitFor({ state: 'detached' });
  });

  await test('a cut connection comes back by itself, and the talk goes on', async () => {
    await a.evaluate(() =>
      window.__sockets
        .filter((s) => s.url.includes('/voice?'))
        .at(-1)
        .close(),
    );
    await connected(a);
    await until(async () => (await hears(b, 'Vera')) > 0.02, 'Will hears Vera');
  });

  await test('the bar and the settings can be used without eyes and without a mouse', async () => {
    for (const part of ['section[aria-label="Voice"]', 'nav[aria-label="Channels"]']) {
      const found = await violations(a, part);
      assert(!found.length, found.join('\n'));
    }
    await panel(a).getByRole('button', { name: 'Settings' }).click();
    const settings = a.getByRole('dialog', { name: 'Settings' });
    await settings.getByRole('tab', { name: 'Voice' }).click();
    await until(async () => Number(await settings.getByRole('meter').getAttribute('aria-valuenow')) > 20, 'a level');
    await shot(a, 'voice-settings');
    const found = await violations(a, '[role="dialog"], dialog');
    assert(!found.length, found.join('\n'));
    await settings.getByRole('radio', { name: 'While you hold a key' }).check();
    await a.keyboard.press('Escape');
    await speaks(b, 'Vera', false);
    await a.keyboard.down('ControlRight');
    await speaks(b, 'Vera');
    await a.keyboard.up('ControlRight');
    await speaks(b, 'Vera', false);
  });

  await test('on a phone the bar is in the drawer', async () => {
    await a.setViewportSize({ width: 390, height: 844 });
    await a.getByRole('button', { name: 'Open navigation' }).click();
    await a.getByRole('region', { name: 'Voice' }).waitFor();
    await shot(a, 'voice-phone');
    await a.keyboard.press('Escape');
    await a.setViewportSize({ width: 1280, height: 800 });
  });

  await test('one leaves, and is gone for the other', async () => {
    await b.getByRole('button', { name: 'Leave the voice channel' }).click();
    await row(a, 'Will').waitFor({ state: 'detached' });
    await b.locator('[data-voice]').waitFor({ state: 'detached' });
    await until(async () => (await hears(a, 'Will', 10)) === -1, 'there is nothing left to hear');
  });

  await vera.context.close();
  await will.context.close();
}
