// What the server takes of hostile bodies (`../hostile.jsonl`) is read by discord.js: the client that sees them all lives on.
import { readFileSync } from 'node:fs';
import { check, during, holds, next } from '../lib/check.mjs';

const CHANNELS = 10;
const bodies = readFileSync(new URL('../../hostile.jsonl', import.meta.url), 'utf8').trim().split('\n');

async function post(base, channel, body) {
  for (;;) {
    const answer = await fetch(`${base}/v10/channels/${channel.id}/messages`, {
      method: 'POST',
      headers: { authorization: `Bot ${process.env.BOT_TOKEN}`, 'content-type': 'application/json' },
      body,
    });
    const data = await answer.json();
    if (answer.status === 429) await new Promise((resolve) => setTimeout(resolve, data.retry_after * 1000));
    else if (answer.status >= 400 && answer.status < 500) return false;
    else return holds(answer.status === 200, `answered ${answer.status} to ${body}`);
  }
}

export default async function hostile({ base, bot, channel, guild }) {
  await check('hostile.read', async () => {
    const channels = [];
    for (let n = 0; n < CHANNELS; n += 1) channels.push(await guild.channels.create({ name: `hostile-${n}` }));
    let taken = 0;
    const seen = await during(bot, 'messageCreate', async () => {
      const one = async (place, n) => {
        for (let index = n; index < bodies.length; index += CHANNELS) {
          if (await post(base, place, bodies[index])) taken += 1;
        }
      };
      await Promise.all(channels.map(one));
      const last = next(bot, 'messageCreate', (message) => message.content === 'still there');
      await channel.send('still there');
      await last;
    });
    holds(taken > bodies.length / 2, 'most are taken');
    holds(seen.length === taken + 1, `${seen.length - 1} of ${taken} were seen`);
    for (const message of seen) JSON.stringify(message.components.map((component) => component.toJSON()));
    for (const place of channels) await place.delete();
  });
}
