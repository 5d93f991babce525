/**
 * Asking applications: commands, components, forms. The server takes the request at once; what comes of it arrives over the
 * gateway, told apart by the nonce and later by the interaction's id.
 */
import { describe, interactions as api } from './api';
import { makeNonce } from './snowflake';
import { store } from './store/store.svelte';
import { MessageType, type Channel, type Component, type Id, type Message, type User } from './types';
import { ui } from './ui.svelte';

export const InteractionType = { command: 2, component: 3, autocomplete: 4, modal: 5 } as const;

export interface Choice {
  name: string;
  value: string | number;
  name_localizations?: Record<string, string> | null;
}

/** A form that an application shows. */
export interface ModalForm {
  id: Id;
  channel_id: Id;
  title: string;
  custom_id: string;
  components: Component[];
  application: { id: Id; name?: string };
}

interface Pending {
  nonce: string;
  id: Id | null;
  channelId: Id;
  /** Whether a row in the channel stands for the answer. */
  shown: boolean;
  settle: (outcome: 'answered' | 'failed') => void;
}

/** Interactions remembered; the oldest are given up first. */
const PENDING_MAX = 100;
/** How long an application may take for the message it promised (Discord developer docs, "Followup Messages"). */
export const THINKING_MS = 15 * 60_000;
/** An answer is expected in three seconds; the server says so when it does not come, unless the connection is gone. */
const ANSWER_MS = 10_000;

const pending = new Map<string, Pending>();
const completions = new Map<string, (choices: Choice[]) => void>();

const byId = (id: unknown) => [...pending.values()].find((p) => p.id !== null && p.id === id);

function drop(entry: Pending): void {
  pending.delete(entry.nonce);
  if (entry.shown) store.knownLog(entry.channelId)?.dropFromOutbox(entry.nonce);
}

function fail(entry: Pending, error: string): void {
  entry.settle('failed');
  if (!entry.shown) {
    pending.delete(entry.nonce);
    ui.toast(error, 'error');
    return;
  }
  pending.delete(entry.nonce);
  store
    .log(entry.channelId)
    .updateOutbox(entry.nonce, (m) => ({ ...m, local: { status: 'failed', answer: 'asked', error } }));
}

interface Ask {
  type: number;
  applicationId: Id;
  channel: Channel;
  messageId?: Id;
  data: Record<string, unknown>;
  files?: File[];
  /** What is shown in the channel until the answer comes. */
  row?: { bot: User; name: string };
}

/** Asks an application and tells whether it answered. What is wrong with the request itself is thrown. */
export async function ask({
  type,
  applicationId,
  channel,
  messageId,
  data,
  files,
  row,
}: Ask): Promise<'answered' | 'failed'> {
  const nonce = makeNonce();
  if (pending.size >= PENDING_MAX) drop(pending.values().next().value!);
  let settle!: Pending['settle'];
  const outcome = new Promise<'answered' | 'failed'>((resolve) => (settle = resolve));
  const entry: Pending = { nonce, id: null, channelId: channel.id, shown: !!row, settle };
  pending.set(nonce, entry);
  if (row) showRow(channel, nonce, row);
  try {
    await api.start(
      {
        type,
        application_id: applicationId,
        channel_id: channel.id,
        guild_id: channel.guild_id,
        message_id: messageId,
        nonce,
        data,
      },
      files,
    );
  } catch (error) {
    drop(entry);
    throw error;
  }
  setTimeout(() => pending.has(nonce) && entry.id === null && fail(entry, 'The application did not answer'), ANSWER_MS);
  return outcome;
}

function showRow(channel: Channel, nonce: string, { bot, name }: { bot: User; name: string }): void {
  const log = store.log(channel.id);
  const message: Message = {
    id: nonce,
    nonce,
    channel_id: channel.id,
    guild_id: channel.guild_id,
    author: bot,
    content: '',
    timestamp: new Date().toISOString(),
    type: MessageType.command,
    mentions: [],
    mention_roles: [],
    attachments: [],
    embeds: [],
    interaction_metadata: { id: '0', type: InteractionType.command, user: store.me!, name },
    local: { status: 'sending', answer: 'asked' },
  };
  log.outbox = [...log.outbox, message];
}

/** Asks for values that could complete an option. */
export async function complete(
  channel: Channel,
  applicationId: Id,
  data: Record<string, unknown>,
  signal: AbortSignal,
): Promise<Choice[]> {
  const nonce = makeNonce();
  const answer = new Promise<Choice[]>((resolve) => {
    completions.set(nonce, resolve);
    const end = () => {
      completions.delete(nonce);
      resolve([]);
    };
    signal.addEventListener('abort', end, { once: true });
    setTimeout(end, ANSWER_MS);
  });
  await api.start({
    type: InteractionType.autocomplete,
    application_id: applicationId,
    channel_id: channel.id,
    guild_id: channel.guild_id,
    nonce,
    data,
  });
  return answer;
}

interface Outcome {
  id?: Id;
  nonce?: string | number | null;
}

/** Takes what the gateway tells of interactions. */
export function onInteraction(t: string, d: unknown): void {
  const about = d as Outcome;
  const entry = pending.get(String(about.nonce)) ?? byId(about.id);
  switch (t) {
    case 'INTERACTION_CREATE':
      if (entry && about.id) entry.id = about.id;
      break;
    case 'INTERACTION_SUCCESS':
      if (entry) succeed(entry);
      break;
    case 'INTERACTION_FAILURE':
      if (entry) fail(entry, 'The application did not answer');
      break;
    case 'INTERACTION_MODAL_CREATE':
      if (entry) {
        entry.settle('answered');
        drop(entry);
        ui.open({ kind: 'modal-form', form: d as ModalForm });
      }
      break;
    case 'APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE': {
      const { nonce, choices } = d as { nonce: string; choices?: Choice[] };
      completions.get(String(nonce))?.(choices ?? []);
      completions.delete(String(nonce));
      break;
    }
    case 'MESSAGE_CREATE': {
      const answered = byId((d as Message).interaction_metadata?.id);
      if (answered) {
        answered.settle('answered');
        drop(answered);
      }
      break;
    }
  }
}

/** It was answered, by a message that is here in a moment or by a promise of one. */
function succeed(entry: Pending): void {
  entry.settle('answered');
  if (!entry.shown) {
    pending.delete(entry.nonce);
    return;
  }
  store
    .log(entry.channelId)
    .updateOutbox(entry.nonce, (m) => ({ ...m, local: { status: 'sending', answer: 'thinking' } }));
  setTimeout(() => pending.has(entry.nonce) && drop(entry), THINKING_MS);
}

/** Presses a button or chooses in a select. */
export async function useComponent(
  channel: Channel,
  message: Message,
  component: Component,
  values?: string[],
): Promise<void> {
  const applicationId = message.application_id ?? message.author.id;
  const data = { component_type: component.type, custom_id: component.custom_id, ...(values ? { values } : {}) };
  try {
    await ask({ type: InteractionType.component, applicationId, channel, messageId: message.id, data });
  } catch (error) {
    ui.toast(describe(error), 'error');
  }
}
