"""Refusals as plain HTTP clients see them: every one arrives, and none as a broken connection. Whoever posts in a loop must read
429 or 401, not ECONNRESET, also when the body comes after the answer. The environment is made by `cargo xtask conformance`."""
import asyncio
import collections
import json
import os
import subprocess
import sys
import tempfile

import aiohttp
import requests

API = os.environ['API_BASE']
CHANNEL = os.environ['CHANNEL_ID']
TOKEN = 'Bot ' + os.environ['BOT2_TOKEN']
LARGE = 100_000
# Method, path, token, bytes of the body.
REFUSED = [
    ('POST', f'/channels/{CHANNEL}/messages', TOKEN, 40),
    ('POST', f'/channels/{CHANNEL}/messages', 'Bot nobody', 40),
    ('POST', f'/channels/{CHANNEL}/messages', 'Bot nobody', LARGE),
    ('POST', '/channels/1/messages', TOKEN, LARGE),
    ('PUT', f'/channels/{CHANNEL}/messages/1/reactions/x/@me', TOKEN, 40),
    ('DELETE', f'/channels/{CHANNEL}/messages/1', TOKEN, LARGE),
    ('POST', f'/channels/{CHANNEL}/typing', TOKEN, 40),
    ('PATCH', '/nowhere', TOKEN, LARGE),
    ('PUT', '/auth/login', TOKEN, LARGE),
    ('POST', f'/channels/{CHANNEL}/messages', TOKEN, 400_000),
]
ROUNDS = 30


def body(size):
    return json.dumps({'content': 'x' * (size - 14)})


def headers(token):
    return {'authorization': token, 'content-type': 'application/json'}


def judge(name, statuses):
    """One line for the runner: all answered, none by a 5xx, and some refused."""
    wrong = {status: count for status, count in statuses.items() if not isinstance(status, int) or status >= 500}
    refused = sum(count for status, count in statuses.items() if isinstance(status, int) and 400 <= status < 500)
    verdict = 'ok' if not wrong and refused else 'FAIL'
    print(f'{verdict} {name} {dict(statuses)}', flush=True)


def with_requests(call):
    statuses = collections.Counter()
    for _ in range(ROUNDS):
        for method, path, token, size in REFUSED:
            try:
                answer = call(method, API + path, data=body(size), headers=headers(token), timeout=30)
                statuses[answer.status_code] += 1
            except requests.RequestException as error:
                statuses[type(error).__name__] += 1
    return statuses


async def with_aiohttp():
    statuses = collections.Counter()
    async with aiohttp.ClientSession() as session:
        async def one(method, path, token, size):
            try:
                async with session.request(method, API + path, data=body(size), headers=headers(token)) as answer:
                    await answer.read()
                    statuses[answer.status] += 1
            except aiohttp.ClientError as error:
                statuses[type(error).__name__] += 1
        for _ in range(ROUNDS):
            await asyncio.gather(*(one(*refused) for refused in REFUSED))
    return statuses


def with_curl():
    statuses = collections.Counter()
    with tempfile.NamedTemporaryFile('w') as file:
        for method, path, token, size in REFUSED * 3:
            file.seek(0)
            file.truncate()
            file.write(body(size))
            file.flush()
            command = ['curl', '--silent', '--output', os.devnull, '--write-out', '%{http_code}', '--request', method,
                       '--header', f'authorization: {token}', '--header', 'content-type: application/json',
                       '--data-binary', f'@{file.name}', '--max-time', '30', API + path]
            run = subprocess.run(command, capture_output=True, text=True)
            statuses[int(run.stdout) if run.returncode == 0 else f'exit {run.returncode}'] += 1
    return statuses


def with_fetch():
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'fetch.mjs')
    calls = [[method, API + path, token, body(size)] for method, path, token, size in REFUSED]
    run = subprocess.run(['node', script, str(ROUNDS)], input=json.dumps(calls), capture_output=True, text=True, timeout=240)
    if run.returncode:
        return collections.Counter({f'exit {run.returncode}: {run.stderr[-200:]}': 1})
    counted = json.loads(run.stdout)
    return collections.Counter({int(key) if key.isdigit() else key: count for key, count in counted.items()})


def main():
    # First: after so many refusals the address has to wait.
    packed = requests.get(f'{API}/guilds/{os.environ["GUILD_ID"]}', headers=headers(TOKEN), timeout=30)
    coding = packed.headers.get('content-encoding')
    verdict = 'ok' if coding == 'gzip' and packed.json()['id'] == os.environ['GUILD_ID'] else 'FAIL'
    print(verdict, 'compression.requests', coding, flush=True)
    judge('refusals.requests', with_requests(requests.request))
    with requests.Session() as session:
        judge('refusals.requests_session', with_requests(session.request))
    judge('refusals.aiohttp', asyncio.run(with_aiohttp()))
    judge('refusals.curl', with_curl())
    judge('refusals.fetch', with_fetch())


if __name__ == '__main__':
    sys.exit(main())
