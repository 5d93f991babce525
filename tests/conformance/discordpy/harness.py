"""Runs checks one after another and prints a line for each: `ok|FAIL|skip AREA.CHECK detail`."""
import asyncio
import os
import re
import traceback

import aiohttp
import discord

CHECK_SECONDS = float(os.environ.get('CHECK_MS', 30_000)) / 1000
EVENT_SECONDS = float(os.environ.get('EVENT_MS', 12_000)) / 1000
ONLY = re.compile(os.environ.get('ONLY', ''))
API = os.environ['API_BASE']


class World:
    """The clients and the places under test; checks leave here what later checks need."""

    def __init__(self):
        self.failures = 0
        self.bot = None
        self.second = None
        self.guild = None
        self.channel = None
        self.http = None

    async def check(self, name, body):
        """Runs one check."""
        if not ONLY.search(name):
            return
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await body()
            print(f'ok {name}', flush=True)
        except Exception as error:  # every failure is a result
            self.failures += 1
            text = ' '.join(f'{type(error).__name__}: {error}'.split())[:300]
            print(f'FAIL {name} {text}', flush=True)
            if os.environ.get('TRACE'):
                traceback.print_exc()

    async def call(self, person, method, path, body=None):
        """Calls a route as a person's web client does; waits out 429s; anything but 2xx raises."""
        headers = {'authorization': os.environ[f'{person.upper()}_TOKEN']}
        while True:
            async with self.http.request(method, API + path, headers=headers, json=body) as answer:
                data = await answer.json() if answer.status != 204 else None
                if answer.status == 429:
                    await asyncio.sleep(data['retry_after'])
                elif answer.status >= 400:
                    raise Refused(f'{method} {path} answered {answer.status} {data}')
                else:
                    return data


class Refused(Exception):
    """The API refused a person's call."""


class Client(discord.Client):
    """The library's client, with waiting for an event that begins before what causes it."""

    def __init__(self, **options):
        super().__init__(**options)
        self.up = asyncio.Event()
        self.readies = 0

    async def on_ready(self):
        """Notes that a session has begun."""
        self.readies += 1
        self.up.set()

    def expect(self, event, fits=lambda *_: True):
        """A task that ends with the next event that fits."""
        task = asyncio.ensure_future(self.wait_for(event, check=fits, timeout=EVENT_SECONDS))
        # a check that fails earlier never awaits it
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task


def same(actual, expected, what='value'):
    """Fails when `actual` is not `expected`."""
    if actual != expected:
        raise AssertionError(f'{what} is {actual!r}, expected {expected!r}')


def holds(value, what):
    """Fails when `value` does not hold; returns it."""
    if not value:
        raise AssertionError(f'not so: {what}')
    return value


async def refused(awaitable, code, status):
    """Fails unless the API refuses with this code and status."""
    try:
        await awaitable
    except discord.HTTPException as error:
        same((error.code, error.status), (code, status), 'code and status')
        return error
    raise AssertionError(f'was not refused, expected {code}')
