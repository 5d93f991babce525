/** The soundboard: sounds are uploaded, changed, played to those in a call, and deleted. */
import { assert, shot, test, until } from './harness.mjs';
import { violations } from './axe.mjs';
import { channels, guildMenu } from './person.mjs';
import { pair } from './stages.mjs';
import { connected } from './voice.mjs';

/** Frames of silence: MPEG-1 layer III, 128 kbit/s, 44.1 kHz, one channel, 26 ms each. */
function silence(frames) {
  const frame = Buffer.alloc(417);
  frame.set([0xff, 0xfb, 0x90, 0xc0]);
  return Buffer.concat(Array.from({ length: frames }, () => frame));
}

/** Keeps what the page plays of the soundboard, and what came of it. */
function watchSounds() {
  const { play } = HTMLMediaElement.prototype;
  window.__sounds = [];
  HTMLMediaElement.prototype.play = function () {
    if (this.src.includes('/soundboard-sounds/')) {
      const entry = { src: this.src, volume: this.volume, end: null };
      window.__sounds.push(entry);
      for (const end of ['ended', 'error']) this.addEventListener(end, () => (entry.end = end));
    }
    return play.call(this);
  };
}
const played = (page) => page.evaluate(() => window.__sounds);

export default async function sounds() {
  let uma;
  let vito;
  let a;
  let b;
  const guild = 'The Foley Room';
  const settings = () => a.getByRole('dialog', { name: guild });
  const openTab = async () => {
    await guildMenu(a, guild, 'Community settings');
    await settings().getByRole('tab', { name: 'Soundboard' }).click();
  };
  const close = async () => {
    await a.getByRole('button', { name: 'Close settings' }).click();
    await settings().waitFor({ state: 'detached' });
  };

  await test(
    'a sound is added, named, given an emoji and listened to',
    async () => {
      [uma, vito] = await pair(['Uma', 'Vito'], guild, [[/^Voice/, 'Studio']]);
      [a, b] = [uma.page, vito.page];
      for (const page of [a, b]) {
        await page.evaluate(watchSounds);
      }
      await openTab();
      await a
        .getByTestId('sound-input')
        .setInputFiles({ name: 'gong.mp3', mimeType: 'audio/mpeg', buffer: silence(30) });
      const form = settings().getByRole('form', { name: 'New sound' });
      await form.getByLabel('Volume').fill('0.5');
      await form.getByRole('button', { name: 'Its emoji' }).click();
      await a.getByRole('searchbox', { name: 'Find an emoji' }).fill('bell');
      await a.getByRole('button', { name: 'bell', exact: true }).click();
      await shot(a, 'sound-new');
      await form.getByRole('button', { name: 'Add it' }).click();
      const name = settings().getByLabel('Name of gong', { exact: true });
      await name.fill('Large gong');
      await name.blur();
      await settings().getByRole('button', { name: 'Listen to Large gong' }).click();
      await until(async () => (await played(a))[0]?.end === 'ended', 'it was listened to');
      const found = await violations(a, '[role="tabpanel"]');
      assert(!found.length, found.join('\n'));
      await shot(a, 'sounds-settings');
      await close();
    },
    { vital: true },
  );

  await test('what is no sound is refused in words', async () => {
    await openTab();
    await a
      .getByTestId('sound-input')
      .setInputFiles({ name: 'noise.mp3', mimeType: 'audio/mpeg', buffer: Buffer.from('not a sound at all') });
    await settings().getByRole('form', { name: 'New sound' }).getByRole('button', { name: 'Add it' }).click();
    await settings().getByRole('alert').waitFor();
    await settings().getByRole('button', { name: 'Cancel' }).click();
    await close();
  });

  await test('a sound is played to those in the call, who see by whom', async () => {
    for (const page of [a, b]) {
      await channels(page)
        .getByRole('link', { name: /Studio/ })
        .click();
      await connected(page);
    }
    await b.getByRole('button', { name: 'Soundboard' }).click();
    const board = b.getByRole('dialog', { name: 'Soundboard' });
    await board.getByRole('button', { name: 'Play Large gong' }).click();
    await channels(a).getByText('plays Large gong').waitFor({ state: 'attached' });
    for (const [page, n] of [
      [a, 1],
      [b, 0],
    ])
      await until(async () => (await played(page))[n]?.end === 'ended', 'it is heard to its end');
    const [, { volume }] = await played(a);
    assert(volume > 0.3 && volume < 0.4, `at half the volume, of what is set here: ${volume}`);
    await shot(a, 'sound-played-light');
    await shot(b, 'soundboard-dark');
    const found = await violations(b, '[role="dialog"]');
    assert(!found.length, found.join('\n'));
    await b.keyboard.press('Escape');
    await board.waitFor({ state: 'detached' });
  });

  await test('whoever hears nothing hears no sounds, and one that is deleted is gone', async () => {
    await a.getByRole('button', { name: 'Deafen' }).click();
    await b.getByRole('button', { name: 'Soundboard' }).click();
    const board = b.getByRole('dialog', { name: 'Soundboard' });
    await board.getByRole('button', { name: 'Play Large gong' }).click();
    await channels(a).getByText('plays Large gong').waitFor({ state: 'attached' });
    assert((await played(a)).length === 2, 'it is played all the same');
    await openTab();
    await settings().getByRole('button', { name: 'Delete Large gong' }).click();
    await a.getByRole('dialog', { name: 'Delete Large gong?' }).getByRole('button', { name: 'Delete' }).click();
    await settings().getByText('No sounds yet.').waitFor();
    await board.getByText('There are no sounds yet.').waitFor();
  });

  await uma.context.close();
  await vito.context.close();
}
