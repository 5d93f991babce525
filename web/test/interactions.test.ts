import { beforeEach, describe, expect, it, vi } from 'vitest';

const started = vi.hoisted(() => [] as { nonce: string }[]);
vi.mock('../src/lib/api', () => ({
  describe: String,
  interactions: { start: async (body: { nonce: string }) => void started.push(body) },
}));

const { store } = await import('../src/lib/store/store.svelte');
const { ask, complete, onInteraction, InteractionType } = await import('../src/lib/interactions');
const { ui } = await import('../src/lib/ui.svelte');

const bot = { id: '7', username: 'metronome', bot: true };
const channel = { id: '10', type: 0, guild_id: '1', name: 'general' };
const command = () =>
  ask({ type: InteractionType.command, applicationId: '7', channel, data: {}, row: { bot, name: 'beat' } });
const rows = () => store.log('10').outbox.map((m) => m.local?.error ?? m.local?.answer);
const nonce = () => started.at(-1)!.nonce;

beforeEach(() => {
  vi.useFakeTimers();
  started.length = 0;
  store.reset();
  ui.dialogs = [];
  ui.toasts = [];
  store.me = { id: '100', username: 'me' };
  store.log('10').reset([], false, false);
});

/** The server has taken the request and told of it. */
async function asked(id: string) {
  const outcome = command();
  await vi.advanceTimersByTimeAsync(0);
  onInteraction('INTERACTION_CREATE', { id, nonce: nonce() });
  return outcome.catch(() => {});
}

describe('a command', () => {
  it('is shown as asked, as thinking, and gives way to its message', async () => {
    const outcome = command();
    await vi.advanceTimersByTimeAsync(0);
    expect(rows()).toEqual(['asked']);
    onInteraction('INTERACTION_CREATE', { id: '900', nonce: nonce() });
    onInteraction('INTERACTION_SUCCESS', { id: '900', nonce: nonce() });
    expect(await outcome).toBe('answered');
    expect(rows()).toEqual(['thinking']);
    onInteraction('MESSAGE_CREATE', { interaction_metadata: { id: '900' } });
    expect(rows()).toEqual([]);
  });

  it('is done when its message comes before the word that it was answered', async () => {
    const outcome = command();
    await vi.advanceTimersByTimeAsync(0);
    onInteraction('INTERACTION_CREATE', { id: '901', nonce: nonce() });
    onInteraction('MESSAGE_CREATE', { interaction_metadata: { id: '901' } });
    onInteraction('INTERACTION_SUCCESS', { id: '901', nonce: nonce() });
    expect([await outcome, rows()]).toEqual(['answered', []]);
  });

  it('says that nobody answered', async () => {
    const outcome = asked('902');
    await vi.advanceTimersByTimeAsync(0);
    onInteraction('INTERACTION_FAILURE', { id: '902', nonce: nonce() });
    expect(await outcome).toBe('failed');
    expect(rows()).toEqual(['The application did not answer']);
  });

  it('says so too when not even the server tells what became of it', async () => {
    void command();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(rows()).toEqual(['The application did not answer']);
  });

  it('gives way to the form that it opens', async () => {
    void asked('903');
    await vi.advanceTimersByTimeAsync(0);
    onInteraction('INTERACTION_MODAL_CREATE', {
      id: '903',
      nonce: nonce(),
      channel_id: '10',
      title: 'Tempo',
      custom_id: 'x',
      components: [],
      application: { id: '7' },
    });
    expect(rows()).toEqual([]);
    expect(ui.dialogs.map((d) => d.kind)).toEqual(['modal-form']);
  });

  it('of somebody else changes nothing here', async () => {
    void asked('904');
    await vi.advanceTimersByTimeAsync(0);
    onInteraction('INTERACTION_FAILURE', { id: '1', nonce: 'other' });
    onInteraction('INTERACTION_MODAL_CREATE', { id: '1', nonce: 'other' });
    expect([rows(), ui.dialogs]).toEqual([['asked'], []]);
  });
});

describe('completion', () => {
  it('gives the choices of its own request', async () => {
    const answer = complete(channel, '7', {}, new AbortController().signal);
    await vi.advanceTimersByTimeAsync(0);
    onInteraction('APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE', { nonce: 'other', choices: [{ name: 'no', value: 1 }] });
    onInteraction('APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE', {
      nonce: nonce(),
      choices: [{ name: 'yes', value: 2 }],
    });
    expect(await answer).toEqual([{ name: 'yes', value: 2 }]);
  });

  it('gives nothing when it is not wanted any more', async () => {
    const wanted = new AbortController();
    const answer = complete(channel, '7', {}, wanted.signal);
    wanted.abort();
    expect(await answer).toEqual([]);
  });
});
