import { assert, shot, test, until } from './harness.mjs';
import { Bot } from './bot.mjs';
import { api, box, log, message, more, openChannel, placeOf, rail } from './person.mjs';

const EPHEMERAL = 64;
const COMPONENTS_V2 = 1 << 15;

export default async function bots(world) {
  const ada = world.ada.page;
  const ben = world.ben.page;
  let bot;
  let me;

  await test('a bot made here has its commands in the picker', async () => {
    await openChannel(ada, 'general');
    await openChannel(ben, 'general');
    const [guild] = placeOf(ada);
    const { application, token } = await ada.evaluate(async () => {
      const call = async (method, path, body) =>
        (
          await fetch(`/api/v10${path}`, {
            method,
            headers: {
              Authorization: JSON.parse(localStorage.getItem('consort:token')),
              'Content-Type': 'application/json',
            },
            body: body && JSON.stringify(body),
          })
        ).json();
      const application = await call('POST', '/applications', { name: 'Prompter' });
      const { token } = await call('POST', `/applications/${application.id}/bot`, {});
      return { application, token };
    });
    await api(
      ada,
      'POST',
      `/oauth2/authorize?client_id=${application.id}&scope=bot%20applications.commands&permissions=2048`,
      { guild_id: guild, permissions: '2048', authorize: true, integration_type: 0 },
    );
    bot = new Bot(token);
    me = await bot.connect();
    await bot.rest('PUT', `/applications/${me.id}/commands`, [
      {
        name: 'echo',
        description: 'Says it again',
        options: [
          { type: 3, name: 'text', description: 'What to say', required: true, max_length: 20 },
          { type: 4, name: 'times', description: 'How often', min_value: 1, max_value: 3 },
          { type: 5, name: 'loud', description: 'In capitals' },
        ],
      },
      {
        name: 'seat',
        description: 'Seats someone',
        options: [
          {
            type: 1,
            name: 'give',
            description: 'Gives a seat',
            options: [
              { type: 6, name: 'who', description: 'The player', required: true },
              {
                type: 3,
                name: 'desk',
                description: 'Which desk',
                required: true,
                choices: [
                  { name: 'First desk', value: 'd1' },
                  { name: 'Second desk', value: 'd2' },
                ],
              },
            ],
          },
        ],
      },
      {
        name: 'find',
        description: 'Finds a piece',
        options: [{ type: 3, name: 'piece', description: 'Its name', required: true, autocomplete: true }],
      },
      { name: 'slow', description: 'Thinks for a while' },
      { name: 'silent', description: 'Never answers' },
      { name: 'form', description: 'Shows a form' },
      { name: 'Quote', type: 3 },
    ]);
    await box(ben).fill('');
    await box(ben).pressSequentially('/ec');
    await ben.getByRole('listbox', { name: 'Commands' }).getByRole('option', { name: /echo/ }).waitFor();
    await shot(ben, 'commands-dark');
  });

  await test('a command is filled in, checked here, and answered', async () => {
    bot.on('echo', async (d, answer) => {
      const of = (name) => d.data.options.find((o) => o.name === name)?.value;
      await answer({ type: 4, data: { content: `${of('text')} ×${of('times') ?? 1}${of('loud') ? '!' : ''}` } });
    });
    await box(ben).press('Enter');
    const form = ben.getByRole('form', { name: 'Command echo' });
    await form.getByRole('button', { name: 'Use the command' }).click();
    await form.getByText('This is needed').waitFor();
    await form.getByRole('textbox', { name: /^text/ }).fill('bravo');
    await form.getByRole('button', { name: 'times' }).click();
    await form.getByLabel('times', { exact: true }).fill('9');
    await form.getByRole('button', { name: 'Use the command' }).click();
    await form.getByText('At most 3').waitFor();
    await form.getByLabel('times', { exact: true }).fill('2');
    await form.getByRole('button', { name: 'loud' }).click();
    await ben.getByRole('listbox', { name: 'loud' }).getByRole('option', { name: 'True' }).click();
    await shot(ben, 'command-form-dark');
    await form.getByRole('button', { name: 'Use the command' }).click();
    const row = message(ada, 'bravo ×2!');
    await row.getByText('/echo').waitFor();
    await row.getByRole('button', { name: 'Ben', exact: true }).waitFor();
  });

  await test('subcommands, people and choices are chosen from lists', async () => {
    bot.on('seat', async (d, answer) => {
      const [sub] = d.data.options;
      await answer({
        type: 4,
        data: {
          content: `${sub.name}: <@${sub.options[0].value}> at ${sub.options[1].value}`,
          allowed_mentions: { parse: [] },
        },
      });
    });
    await box(ben).pressSequentially('/seat');
    await ben.getByRole('option', { name: /seat give/ }).click();
    const form = ben.getByRole('form', { name: 'Command seat give' });
    await form.getByRole('combobox', { name: /^who/ }).fill('ada');
    await ben.getByRole('listbox', { name: 'who' }).getByRole('option', { name: /Ada/ }).click();
    await form.getByRole('combobox', { name: /^desk/ }).focus();
    await ben.getByRole('listbox', { name: 'desk' }).getByRole('option', { name: 'Second desk' }).click();
    await ben.keyboard.press('Enter');
    await message(ada, 'at d2').getByRole('button', { name: /@Ada/ }).waitFor();
  });

  await test('an option is completed by the application while it is typed', async () => {
    bot.on('find?', (d, answer) =>
      answer({
        type: 8,
        data: {
          choices: [
            { name: `Suite in ${d.data.options.find((o) => o.focused).value.toUpperCase()}`, value: 'bwv1007' },
          ],
        },
      }),
    );
    bot.on('find', (d, answer) =>
      answer({ type: 4, data: { content: `found ${d.data.options[0].value}`, flags: EPHEMERAL } }),
    );
    await box(ben).pressSequentially('/find');
    await ben.getByRole('option', { name: /find/ }).first().click();
    await ben
      .getByRole('form', { name: 'Command find' })
      .getByRole('combobox', { name: /^piece/ })
      .fill('g');
    await ben.getByRole('listbox', { name: 'piece' }).getByRole('option', { name: 'Suite in G' }).click();
    await ben.keyboard.press('Enter');
    const row = message(ben, 'found bwv1007');
    await row.getByText('Only you can see this.').waitFor();
    assert((await log(ada).getByText('found bwv1007').count()) === 0, 'the other sees it too');
    await row.getByRole('button', { name: 'Dismiss' }).click();
    await row.waitFor({ state: 'detached' });
  });

  await test('an application that thinks is waited for, one that is silent is told of', async () => {
    let go;
    const held = new Promise((resolve) => (go = resolve));
    bot.on('slow', async (d, answer) => {
      await answer({ type: 5 });
      await held;
      await bot.rest('PATCH', `/webhooks/${me.id}/${d.token}/messages/@original`, { content: 'thought of it' });
    });
    await box(ben).pressSequentially('/slow');
    await box(ben).press('Enter');
    await ben.getByRole('button', { name: 'Use the command' }).press('Enter');
    await log(ben).getByText('Thinking…').waitFor();
    go();
    await message(ben, 'thought of it').waitFor();
    await log(ben).getByText('Thinking…').waitFor({ state: 'detached' });
    await box(ben).pressSequentially('/silent');
    await box(ben).press('Enter');
    await ben.getByRole('button', { name: 'Use the command' }).press('Enter');
    const failed = log(ben).getByText('The application did not answer');
    await failed.waitFor();
    await log(ben)
      .locator('[data-message-id]')
      .filter({ hasText: 'did not answer' })
      .getByRole('button', { name: 'Dismiss' })
      .click();
  });

  await test('buttons and selects are used, also in boxes, pictures and text are shown', async () => {
    const [, channel] = placeOf(ben);
    bot.on('go', (d, answer) => answer({ type: 7, data: { components: [{ type: 10, content: 'Curtain **up**' }] } }));
    bot.on('pick', (d, answer) => answer({ type: 4, data: { content: `picked ${d.data.values.join('+')}` } }));
    bot.on('player', (d, answer) =>
      answer({ type: 4, data: { content: `player ${Object.values(d.data.resolved.users)[0].username}` } }),
    );
    await bot.rest('POST', `/channels/${channel}/messages`, {
      content: 'Choose',
      components: [
        {
          type: 1,
          components: [
            {
              type: 3,
              custom_id: 'pick',
              placeholder: 'Keys',
              min_values: 2,
              max_values: 2,
              options: ['C', 'D', 'E'].map((k) => ({ label: `${k} major`, value: k })),
            },
          ],
        },
        { type: 1, components: [{ type: 5, custom_id: 'player', placeholder: 'A player' }] },
      ],
    });
    await bot.rest('POST', `/channels/${channel}/messages`, {
      flags: COMPONENTS_V2,
      components: [
        {
          type: 17,
          accent_color: 0x2d7dd2,
          components: [
            { type: 10, content: '## The programme' },
            { type: 14 },
            {
              type: 9,
              components: [{ type: 10, content: 'Ready?' }],
              accessory: { type: 2, style: 1, label: 'Curtain', custom_id: 'go' },
            },
          ],
        },
      ],
    });
    const chooser = message(ben, 'Choose');
    await chooser.getByRole('button', { name: 'Keys' }).click();
    await ben.getByRole('option', { name: 'C major' }).click();
    await ben.getByRole('option', { name: 'E major' }).click();
    await ben.getByRole('button', { name: 'Done' }).click();
    await message(ada, 'picked C+E').waitFor();
    await chooser.getByRole('button', { name: 'A player' }).click();
    await ben.getByLabel('Search', { exact: true }).fill('ada');
    await ben.getByRole('option', { name: /Ada/ }).click();
    await message(ada, 'player ada').waitFor();
    const v2 = message(ben, 'The programme');
    await v2.getByText('Ready?').waitFor();
    await shot(ben, 'components-dark');
    await v2.getByRole('button', { name: 'Curtain' }).click();
    await message(ada, 'Curtain up').waitFor();
  });

  await test('a form is shown, checked and sent', async () => {
    bot.on('form', (d, answer) =>
      answer({
        type: 9,
        data: {
          custom_id: 'entry',
          title: 'Entry',
          components: [
            {
              type: 1,
              components: [{ type: 4, custom_id: 'name', style: 1, label: 'Your name', required: true, min_length: 3 }],
            },
            {
              type: 18,
              label: 'Instrument',
              component: {
                type: 3,
                custom_id: 'instrument',
                options: [
                  { label: 'Oboe', value: 'oboe' },
                  { label: 'Horn', value: 'horn' },
                ],
              },
            },
          ],
        },
      }),
    );
    bot.on('entry', (d, answer) =>
      answer({
        type: 4,
        data: {
          content: `entered ${d.data.components[0].components[0].value} on ${d.data.components[1].component.values[0]}`,
        },
      }),
    );
    await box(ben).pressSequentially('/form');
    await box(ben).press('Enter');
    await ben.getByRole('button', { name: 'Use the command' }).press('Enter');
    const dialog = ben.getByRole('dialog', { name: 'Entry' });
    await dialog.getByLabel(/Your name/).fill('Al');
    await dialog.getByRole('button', { name: 'Send' }).click();
    await dialog.getByText('At least 3 characters').waitFor();
    await dialog.getByLabel(/Your name/).fill('Alma');
    await dialog.getByRole('button', { name: /Instrument/ }).click();
    await ben.getByRole('option', { name: 'Horn' }).click();
    await shot(ben, 'modal-dark');
    await dialog.getByRole('button', { name: 'Send' }).click();
    await message(ada, 'entered Alma on horn').waitFor();
    await dialog.waitFor({ state: 'detached' });
  });

  await test('a command on a message is in its menu', async () => {
    bot.on('Quote', (d, answer) =>
      answer({ type: 4, data: { content: `quoted: ${Object.values(d.data.resolved.messages)[0].content}` } }),
    );
    await more(ben, 'entered Alma on horn', 'Apps');
    await ben.getByRole('menuitem', { name: 'Quote' }).click();
    await message(ada, 'quoted: entered Alma').waitFor();
  });

  await test('a bot without a word to say leaves no blank row', async () => {
    const [, channel] = placeOf(ben);
    await bot.rest('POST', `/channels/${channel}/messages`, {
      components: [{ type: 1, components: [{ type: 2, style: 2, label: 'Only a button', custom_id: 'nothing' }] }],
    });
    const row = log(ben)
      .locator('[data-message-id]')
      .filter({ has: ben.getByRole('button', { name: 'Only a button' }) });
    await row.waitFor();
    await until(async () => !(await log(ben).getByText('holds nothing').count()), 'no blank message');
    bot.close();
    await rail(ben).waitFor();
  });
}
