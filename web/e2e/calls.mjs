/** Calls in direct messages: rung, declined, accepted, heard both ways, missed. */
import { assert, person, shot, test, until } from './harness.mjs';
import { violations } from './axe.mjs';
import { box, home, rail, register, usernameOf } from './person.mjs';
import { connected, hears } from './voice.mjs';

const panel = (page) => page.getByRole('region', { name: 'Call', exact: true });
const card = (page, who) => page.getByRole('alertdialog', { name: `Call from ${who}` });
const talk = (page) => page.getByRole('toolbar', { name: 'Channel' });
const bar = (page) => page.getByRole('region', { name: 'Voice' });

export default async function calls() {
  const permissions = ['microphone', 'clipboard-read', 'clipboard-write'];
  const nora = await person('Nora', { permissions });
  const oskar = await person('Oskar', { permissions, colorScheme: 'dark' });
  const [a, b] = [nora.page, oskar.page];

  await test(
    'two people who are friends have a conversation',
    async () => {
      for (const who of [nora, oskar]) {
        await register(who);
        await home(who.page).waitFor();
      }
      await a.getByRole('tab', { name: 'Add friend' }).click();
      await a.getByLabel('Username').fill(usernameOf('Oskar'));
      await a.getByRole('button', { name: 'Send request' }).click();
      await a.getByText('is on its way').waitFor();
      await b.getByRole('tab', { name: /Pending/ }).click();
      await b.getByRole('button', { name: 'Accept' }).click();
      await a.getByRole('tab', { name: 'Online' }).click();
      await home(a).getByRole('button', { name: 'Message Oskar' }).click();
      await box(a).waitFor();
    },
    { vital: true },
  );

  await test('a call rings for the other, wherever they are', async () => {
    await talk(a).getByRole('button', { name: 'Start a call' }).click();
    await connected(a);
    await panel(a)
      .getByRole('button', { name: /^Oskar.*ringing/ })
      .waitFor();
    await card(b, 'Nora').waitFor();
    await shot(b, 'call-incoming-dark');
    const found = await violations(b, '[role="alertdialog"]');
    assert(!found.length, found.join('\n'));
  });

  await test('whoever declines is rung no longer, and the call goes on', async () => {
    await card(b, 'Nora').getByRole('button', { name: 'Decline' }).click();
    await card(b, 'Nora').waitFor({ state: 'detached' });
    await panel(a)
      .getByRole('button', { name: /^Oskar/ })
      .waitFor({ state: 'detached' });
    await panel(a).getByRole('button', { name: /^Nora/ }).waitFor();
  });

  await test('whoever hangs up alone ends the call, which the other has missed', async () => {
    await panel(a).getByRole('button', { name: 'Hang up' }).click();
    await panel(a).waitFor({ state: 'detached' });
    await a.getByText('started a call that lasted less than a minute').waitFor();
    await rail(b).getByRole('link', { name: /^Home/ }).click();
    await b.getByRole('navigation', { name: 'Direct messages' }).getByRole('link', { name: /Nora/ }).click();
    await b.getByText('called, and you missed it').waitFor();
    await b.getByRole('link', { name: 'Friends' }).click();
    await home(b).waitFor();
  });

  await test('whoever accepts is in the call, and both hear each other', async () => {
    await talk(a).getByRole('button', { name: 'Start a call' }).click();
    await card(b, 'Nora').getByRole('button', { name: 'Accept' }).click();
    for (const page of [a, b]) {
      await connected(page);
      for (const who of ['Nora', 'Oskar'])
        await panel(page)
          .getByRole('button', { name: new RegExp(`^${who}`) })
          .waitFor();
    }
    await card(b, 'Nora').waitFor({ state: 'detached' });
    await until(async () => (await hears(a, 'Oskar')) > 0.02, 'Nora hears Oskar');
    await until(async () => (await hears(b, 'Nora')) > 0.02, 'Oskar hears Nora');
    await shot(a, 'call-light');
    await shot(b, 'call-dark');
    const found = await violations(a, 'section[aria-label="Call"]');
    assert(!found.length, found.join('\n'));
  });

  await test('a camera is seen in the call', async () => {
    await bar(a).getByRole('button', { name: 'Camera' }).click();
    const picture = b.getByLabel('Picture of Nora');
    const frames = () => picture.evaluate((v) => (v.videoWidth > 0 ? v.getVideoPlaybackQuality().totalVideoFrames : 0));
    await until(async () => (await frames()) > 5, 'frames');
    await shot(b, 'call-camera-dark');
    await bar(a).getByRole('button', { name: 'Camera' }).click();
    await picture.waitFor({ state: 'detached' });
  });

  await test('a page that is loaded again finds the call, and joins it', async () => {
    await b.reload();
    await panel(a)
      .getByRole('button', { name: /^Oskar/ })
      .waitFor({ state: 'detached' });
    await panel(b).getByRole('button', { name: 'Join the call' }).click();
    await connected(b);
    await until(async () => (await hears(a, 'Oskar')) > 0.02, 'Nora hears Oskar');
  });

  await test('on a phone the call stands over the messages', async () => {
    await a.setViewportSize({ width: 390, height: 844 });
    await panel(a).getByRole('button', { name: 'Hang up' }).waitFor();
    await shot(a, 'call-phone');
    await a.setViewportSize({ width: 1280, height: 800 });
  });

  await test('the last one to hang up ends it for both', async () => {
    await panel(a).getByRole('button', { name: 'Hang up' }).click();
    await panel(a).getByRole('button', { name: 'Join the call' }).waitFor();
    await bar(b).getByRole('button', { name: 'Leave the call' }).click();
    for (const page of [a, b]) await panel(page).waitFor({ state: 'detached' });
  });

  await nora.context.close();
  await oskar.context.close();
}
