/** What a person does with the page, in the page's own words. */
import { BASE_URL, until } from './harness.mjs';

export const PASSWORD = 'correct-horse-battery';
const run = Date.now().toString(36);

export const usernameOf = (name) => `${name.toLowerCase()}_${run}`;

export async function register({ page, name }, address = `${BASE_URL}/register`) {
  await page.goto(address);
  await page.getByLabel('Email').fill(`${usernameOf(name)}@example.org`);
  await page.getByLabel('Username').fill(usernameOf(name));
  await page.getByLabel('Display name').fill(name);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Create account' }).click();
}

export async function logIn({ page, name }) {
  await page.goto(`${BASE_URL}/login`);
  await page.getByLabel('Email').fill(`${usernameOf(name)}@example.org`);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
}

export const home = (page) => page.getByRole('main', { name: 'Friends' });
export const box = (page) => page.locator('#composer');
export const log = (page) => page.getByRole('log');

/** The message with this text. */
export const message = (page, text) => log(page).locator('[data-message-id]').filter({ hasText: text }).last();

export async function say(page, text) {
  await box(page).fill(text);
  await box(page).press('Enter');
}

/** Waits until the own message was accepted: until then its id is the nonce and it is faded. */
export async function accepted(page, text) {
  const row = message(page, text);
  await row.waitFor();
  await until(async () => !/pending|failed/.test((await row.getAttribute('class')) ?? ''), `“${text}” accepted`);
  return row;
}

export async function act(page, text, action) {
  const row = message(page, text);
  await row.hover();
  await row.getByRole('button', { name: action, exact: true }).click();
}

export async function more(page, text, item) {
  await act(page, text, 'More actions');
  await page.getByRole('menuitem', { name: item }).click();
}

export const rail = (page) => page.getByRole('navigation', { name: 'Communities' });
export const channels = (page) => page.getByRole('navigation', { name: 'Channels' });

export async function createCommunity(page, name) {
  await rail(page).getByRole('button', { name: 'Create a community' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill(name);
  await page.getByRole('dialog').getByRole('button', { name: 'Create', exact: true }).click();
  await box(page).waitFor();
}

export async function guildMenu(page, guild, item) {
  await page.getByRole('button', { name: `${guild} menu` }).click();
  await page.getByRole('menuitem', { name: item }).click();
}

export async function invite(page, guild) {
  await guildMenu(page, guild, 'Invite people');
  const url = await until(() => page.getByTestId('invite-url').inputValue(), 'an invite link');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  return url;
}

/** Asks the API as the person of a page. */
export async function api(page, method, path, body) {
  const answer = await page.evaluate(
    async ([method, path, body]) => {
      for (;;) {
        const headers = {
          Authorization: JSON.parse(localStorage.getItem('consort:token')),
          ...(body ? { 'Content-Type': 'application/json' } : {}),
        };
        const r = await fetch(`/api/v10${path}`, { method, headers, body: body && JSON.stringify(body) });
        const json = r.status === 204 ? null : await r.json();
        if (r.status !== 429) return { status: r.status, json };
        await new Promise((resolve) => setTimeout(resolve, json.retry_after * 1000));
      }
    },
    [method, path, body],
  );
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.json)}`);
  return answer.json;
}

/** Has webhooks write into a channel, in order: one person may not write so many so fast. */
export async function flood(page, channel, texts) {
  const HOOKS = 10;
  const hooks = [];
  for (let i = 0; i < HOOKS; i++)
    hooks.push(await api(page, 'POST', `/channels/${channel}/webhooks`, { name: 'Flood' }));
  const call = async ({ id, token }, method, content) => {
    for (;;) {
      const body = content && JSON.stringify({ content });
      const headers = body ? { 'content-type': 'application/json' } : {};
      const answer = await fetch(`${BASE_URL}/api/v10/webhooks/${id}/${token}?wait=true`, { method, headers, body });
      if (answer.ok) return;
      if (answer.status !== 429) throw new Error(`a webhook: ${answer.status} ${await answer.text()}`);
      await new Promise((resolve) => setTimeout(resolve, Number(answer.headers.get('retry-after')) * 1000));
    }
  };
  for (const [i, content] of texts.entries()) await call(hooks[i % HOOKS], 'POST', content);
  await Promise.all(hooks.map((hook) => call(hook, 'DELETE')));
}

/** The ids in the address of a page: guild (or `@me`), channel. */
export const placeOf = (page) => new URL(page.url()).pathname.split('/').slice(2);

export const openChannel = (page, name) =>
  channels(page)
    .getByRole('link', { name: new RegExp(`^${name}`) })
    .first()
    .click();

/** Makes a PNG of one colour without a library. */
export async function picture(page, width, height, color) {
  const base64 = await page.evaluate(
    async ([w, h, c]) => {
      const canvas = document.createElement('canvas');
      canvas.width = w;
      canvas.height = h;
      const g = canvas.getContext('2d');
      g.fillStyle = c;
      g.fillRect(0, 0, w, h);
      g.fillStyle = '#fff';
      g.beginPath();
      g.arc(w / 2, h / 2, Math.min(w, h) / 4, 0, 7);
      g.fill();
      return canvas.toDataURL('image/png').split(',')[1];
    },
    [width, height, color],
  );
  return Buffer.from(base64, 'base64');
}
