import { assert, BASE_URL, person, shot, test } from './harness.mjs';
import { api, box, channels, logIn, message, openChannel, placeOf } from './person.mjs';

export default async function phone() {
  const someone = {
    ...(await person('Phone', { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true })),
    name: 'Ben',
  };
  const { page } = someone;
  await logIn(someone);
  await page.getByRole('main', { name: 'Friends' }).waitFor();
  const [{ id: guild }] = await api(page, 'GET', '/users/@me/guilds');

  await test('on a phone the back button closes the drawer before it leaves the channel', async () => {
    await page.goto(`${BASE_URL}/channels/${guild}`);
    await box(page).waitFor();
    const place = page.url();
    await page.getByRole('button', { name: 'Open navigation' }).tap();
    await channels(page).waitFor();
    await page.goBack();
    await channels(page).waitFor({ state: 'hidden' });
    assert(page.url() === place, 'the channel was left');
    await page.getByRole('button', { name: 'Open navigation' }).tap();
    await openChannel(page, 'general');
    await channels(page).waitFor({ state: 'hidden' });
    await box(page).waitFor();
  });

  await test('the back button closes a dialog, and then what lay under it', async () => {
    const place = page.url();
    await page.getByRole('button', { name: 'Open navigation' }).tap();
    await page.getByRole('button', { name: /^Inbox/ }).tap();
    await page.getByRole('dialog', { name: 'Inbox' }).waitFor();
    await shot(page, 'phone-inbox');
    await page.goBack();
    await page.getByRole('dialog', { name: 'Inbox' }).waitFor({ state: 'detached' });
    await channels(page).waitFor();
    await page.goBack();
    await channels(page).waitFor({ state: 'hidden' });
    assert(page.url() === place, 'the channel was left');
  });

  await test('a swipe opens the lists, and another closes them', async () => {
    const swipe = (from, to) =>
      page.evaluate(
        ([from, to]) => {
          const target = document.querySelector('[role="log"]');
          const touch = (x) => new Touch({ identifier: 1, target, clientX: x, clientY: 300 });
          target.dispatchEvent(
            new TouchEvent('touchstart', { bubbles: true, touches: [touch(from)], changedTouches: [touch(from)] }),
          );
          target.dispatchEvent(new TouchEvent('touchend', { bubbles: true, touches: [], changedTouches: [touch(to)] }));
        },
        [from, to],
      );
    await swipe(60, 260);
    await channels(page).waitFor();
    await shot(page, 'phone-drawer');
    await swipe(260, 60);
    await channels(page).waitFor({ state: 'hidden' });
  });

  await test('a long press opens the menu of a message', async () => {
    await api(page, 'POST', `/channels/${placeOf(page)[1]}/messages`, { content: 'press me' });
    const row = message(page, 'press me');
    await row.waitFor();
    await row.dispatchEvent('contextmenu', { clientX: 100, clientY: 300 });
    await page.getByRole('menuitem', { name: 'Reply' }).tap();
    await page.getByText('Replying to').waitFor();
    await page.getByRole('button', { name: 'Cancel the reply' }).tap();
  });

  await test('what is tapped is large enough, and the box does not make the page zoom', async () => {
    const tooSmall = (where) =>
      page.evaluate((where) => {
        const found = [];
        const inside = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document;
        const targets = 'button, a[href], input, select, textarea, summary, [role^="menuitem"], [role="tab"]';
        for (const e of inside.querySelectorAll(targets)) {
          // Words within words need no room, and what is out of sight is not tapped.
          if (
            e.disabled ||
            e.type === 'file' ||
            e.matches('.skip, .author, .hidden') ||
            e.closest('.sr-only, .content, article p')
          )
            continue;
          const area = (e.closest('label, .switch') ?? e).getBoundingClientRect();
          const after = parseFloat(getComputedStyle(e, '::after').height) || 0;
          if (area.width && Math.max(area.height, after) < 43.5)
            found.push(`${where}: ${e.getAttribute('aria-label') ?? e.textContent} ${Math.round(area.height)}`);
        }
        return found;
      }, where);
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    const small = await tooSmall('channel');
    await page.getByRole('button', { name: 'Open navigation' }).tap();
    await channels(page).waitFor();
    small.push(...(await tooSmall('lists')));
    await page.getByRole('button', { name: 'Settings', exact: true }).tap();
    const settings = page.getByRole('dialog', { name: 'Settings' });
    await settings.getByRole('tab').first().waitFor();
    for (const tab of await settings.getByRole('tab').all()) {
      await tab.tap();
      await settings.getByRole('tabpanel').waitFor();
      small.push(...(await tooSmall(`settings, ${await tab.textContent()}`)));
    }
    await page.getByRole('button', { name: 'Close settings' }).tap();
    await settings.waitFor({ state: 'detached' });
    await page.goBack();
    await channels(page).waitFor({ state: 'hidden' });
    assert(small.length === 0, `too small: ${small.join('; ')}`);
    assert(
      (await box(page).evaluate((e) => parseFloat(getComputedStyle(e).fontSize))) >= 16,
      'the box is written in less than 16 px',
    );
    assert(
      !(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)),
      'the page scrolls sideways',
    );
    await shot(page, 'phone-chat');
  });

  await test('messages lie above the message box, not on it', async () => {
    await page.route('**/api/v10/channels/*/messages/*/reactions/**', (route) =>
      route.fulfill({ status: 400, contentType: 'application/json', body: '{"code":0,"message":"No reaction today"}' }),
    );
    await message(page, 'press me').dispatchEvent('contextmenu', { clientX: 100, clientY: 300 });
    await page.getByRole('menuitem', { name: 'Add reaction' }).tap();
    await page.getByRole('dialog', { name: 'Choose an emoji' }).locator('.cell').first().tap();
    const toast = page.getByRole('alert').filter({ hasText: 'No reaction today' });
    await toast.waitFor();
    const gap =
      (await box(page).boundingBox()).y - ((await toast.boundingBox()).y + (await toast.boundingBox()).height);
    assert(gap >= 0, `it covers the box by ${-gap} px`);
  });
  await someone.context.close();
}
