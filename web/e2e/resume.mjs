import { assert, shot, test, until } from './harness.mjs';
import { box, log, message, say } from './person.mjs';

/** Cuts the page's socket as a network would: without the close code that ends a session. */
const cut = (page) => page.evaluate(() => window.__sockets.at(-1).close(4000));
const sentOps = (page) => page.evaluate(() => window.__sent.map((t) => JSON.parse(t).op));

export default async function resume(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;

  await test('a cut socket is resumed: nothing is missed, nothing doubled', async () => {
    await say(ada, 'before the cut');
    await message(ben, 'before the cut').waitFor();
    const before = (await sentOps(ben)).length;
    // The page must not come back before the messages it is to miss are sent.
    await ben.evaluate(() => {
      const Guarded = window.WebSocket;
      window.__hold = true;
      window.__real = Guarded;
      window.WebSocket = class extends Guarded {
        constructor(url, ...rest) {
          super(window.__hold ? 'ws://127.0.0.1:9/' : url, ...rest);
        }
      };
    });
    await cut(ben);
    await ben.getByText('Reconnecting…').waitFor();
    await shot(ben, 'reconnecting');
    for (let i = 1; i <= 3; i++) await say(ada, `missed ${i}`);
    await until(
      async () =>
        (await log(ada)
          .getByText(/^missed \d$/)
          .count()) === 3,
      'three messages sent',
    );
    await ben.evaluate(() => (window.__hold = false));
    await ben
      .getByRole('button', { name: 'Try now' })
      .click({ timeout: 2000 })
      .catch(() => {});
    await ben.getByText('Connection resumed').waitFor({ timeout: 20_000 });
    await shot(ben, 'resumed');
    await message(ben, 'missed 3').waitFor();
    const texts = (await log(ben).locator('[data-message-id] .content').allTextContents())
      .map((t) => t.trim())
      .filter((t) => t.startsWith('missed'));
    assert(texts.join() === 'missed 1,missed 2,missed 3', `got ${texts.join()}`);
    const ops = (await sentOps(ben)).slice(before);
    assert(ops.includes(6) && !ops.includes(2), `sent ops ${ops.join()}, wanted a RESUME and no IDENTIFY`);
    await ben.evaluate(() => (window.WebSocket = window.__real));
  });

  await test('messages go on live after the resume', async () => {
    await say(ada, 'after the cut');
    await message(ben, 'after the cut').waitFor();
    await say(ben, 'heard you');
    await message(ada, 'heard you').waitFor();
  });

  await test('a session the server has forgotten is begun anew, up to date', async () => {
    await ben.evaluate(() => {
      const Original = window.WebSocket;
      window.WebSocket = class extends Original {
        send(data) {
          const frame = JSON.parse(data);
          if (frame.op === 6) frame.d.session_id = '00000000000000000000000000000000';
          super.send(JSON.stringify(frame));
        }
      };
      window.__real = Original;
    });
    await cut(ben);
    await ben.getByText('Connected again').waitFor({ timeout: 20_000 });
    await ben.evaluate(() => (window.WebSocket = window.__real));
    await message(ben, 'heard you').waitFor();
    await say(ada, 'welcome back');
    await message(ben, 'welcome back').waitFor();
    await box(ben).waitFor();
  });

  await test('a message written while offline goes out when the network is back', async () => {
    await ben.context().setOffline(true);
    await say(ben, 'from the tunnel');
    await message(ben, 'from the tunnel').waitFor();
    await ben.context().setOffline(false);
    const retry = message(ben, 'from the tunnel').getByRole('button', { name: 'Retry' });
    await Promise.race([message(ada, 'from the tunnel').waitFor(), retry.click()]);
    await message(ada, 'from the tunnel').waitFor();
    await until(async () => (await log(ada).getByText('from the tunnel').count()) === 1, 'exactly one');
  });
}
