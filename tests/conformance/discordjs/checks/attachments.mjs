import { randomBytes } from 'node:crypto';
import { AttachmentBuilder, EmbedBuilder } from 'discord.js';
import { check, holds, next, same } from '../lib/check.mjs';

/** A red picture, 2 by 3. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAIAAAA2iEnWAAAAEElEQVR4nGP4z8AARAwoFABE0AX7pM/egAAAAABJRU5ErkJggg==',
  'base64',
);

async function download(url) {
  const answer = await fetch(url);
  same(answer.status, 200, `status of ${url}`);
  return Buffer.from(await answer.arrayBuffer());
}

export default async function attachments({ second, channel }) {
  const noise = randomBytes(200_000);
  let sent;
  await check('attachments.upload', async () => {
    const event = next(second, 'messageCreate', (message) => message.attachments.size === 2);
    sent = await channel.send({
      content: 'two files',
      files: [
        new AttachmentBuilder(noise, { name: 'noise.bin', description: 'noise' }),
        new AttachmentBuilder(PICTURE, { name: 'picture.png' }),
      ],
    });
    const names = [...(await event).attachments.values()].map((file) => file.name);
    same(names, ['noise.bin', 'picture.png'], 'names');
  });
  await check('attachments.fields', async () => {
    const [file, picture] = [...sent.attachments.values()];
    same([file.size, file.description], [noise.length, 'noise'], 'size and description');
    same([picture.width, picture.height, picture.contentType], [2, 3, 'image/png'], 'picture');
  });
  await check('attachments.download', async () => {
    const [file, picture] = [...sent.attachments.values()];
    holds((await download(file.url)).equals(noise), 'equal bytes');
    holds((await download(picture.url)).equals(PICTURE), 'equal bytes of the picture');
    holds((await download(picture.proxyURL)).length > 0, 'the proxy URL answers');
  });
  await check('attachments.signed', async () => {
    const url = new URL([...sent.attachments.values()][0].url);
    url.searchParams.set('hm', '0'.repeat(64));
    holds([403, 404].includes((await fetch(url)).status), 'a forged signature is refused');
  });
  await check('attachments.edit_keeps_one', async () => {
    const kept = [...sent.attachments.values()][1];
    const edited = await sent.edit({ attachments: [kept] });
    same([...edited.attachments.keys()], [kept.id], 'attachments');
  });
  await check('attachments.in_embed', async () => {
    const embed = new EmbedBuilder().setImage('attachment://picture.png');
    const message = await channel.send({ embeds: [embed], files: [new AttachmentBuilder(PICTURE, { name: 'picture.png' })] });
    holds((await download(message.embeds[0].image.url)).equals(PICTURE), 'the picture is in the embed');
  });
}
