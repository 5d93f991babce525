"""What a bot tells the runner: a line for each thing, on standard output."""
import logging
import sys


def say(*words):
    """Tells the runner something, as one line."""
    print(' '.join(' '.join(map(str, words)).split()), flush=True)


class Errors(logging.Handler):
    """Tells the runner what the library logs as an error."""

    def emit(self, record):
        cause = record.exc_info[1] if record.exc_info else ''
        say('error', record.getMessage()[:200], repr(cause)[:300] if cause else '')


def log():
    """Warnings go to standard error, errors to the runner as well."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger().addHandler(Errors(logging.ERROR))


class Cannot(Exception):
    """The library has no such thing."""


async def answer(step, steps, message):
    """Takes the step that a message asks for and tells what came of it."""
    body = steps.get(step)
    if body is None:
        say('cannot', step, 'this bot has no such step')
        return
    try:
        say('done', step, await body(message) or '')
    except Cannot as reason:
        say('cannot', step, reason)
    except Exception as error:  # every failure is a result
        logging.getLogger('bot').warning('step %s', step, exc_info=True)
        say('FAIL', step, type(error).__name__, str(error)[:300])
