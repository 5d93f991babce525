"""Files up and down."""
import base64
import io
import os

import discord

from harness import same

# a red picture, 2 by 3
PICTURE = base64.b64decode(
    'iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAIAAAA2iEnWAAAAEElEQVR4nGP4z8AARAwoFABE0AX7pM/egAAAAABJRU5ErkJggg==')


def file(data, name, **options):
    return discord.File(io.BytesIO(data), filename=name, **options)


async def run(world):
    channel, second = world.channel, world.second
    noise = os.urandom(200_000)
    state = {}

    async def upload():
        event = second.expect('message', lambda message: len(message.attachments) == 2)
        state['sent'] = await channel.send(
            'two files', files=[file(noise, 'noise.bin', description='noise'), file(PICTURE, 'picture.png')])
        same([one.filename for one in (await event).attachments], ['noise.bin', 'picture.png'], 'names')

    async def fields():
        noisy, picture = state['sent'].attachments
        same((noisy.size, noisy.description), (len(noise), 'noise'), 'size and description')
        same((picture.width, picture.height, picture.content_type), (2, 3, 'image/png'), 'picture')

    async def download():
        noisy, picture = state['sent'].attachments
        same(await noisy.read() == noise, True, 'equal bytes')
        same(await picture.read() == PICTURE, True, 'equal bytes of the picture')

    async def edit_keeps_one():
        edited = await state['sent'].edit(attachments=[state['sent'].attachments[1]])
        same([one.filename for one in edited.attachments], ['picture.png'], 'attachments')

    async def edit_adds_one():
        edited = await state['sent'].add_files(file(b'more', 'more.txt'))
        same([one.filename for one in edited.attachments], ['picture.png', 'more.txt'], 'attachments')

    for body in [upload, fields, download, edit_keeps_one, edit_adds_one]:
        await world.check(f'attachments.{body.__name__}', body)
