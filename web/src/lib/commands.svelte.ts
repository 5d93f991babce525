/** The commands of applications that can be used in a channel, fetched when they are first wanted. */
import { describe, interactions as api, type Command, type CommandIndex, type CommandOption } from './api';
import { ask, InteractionType } from './interactions';
import { SvelteMap } from 'svelte/reactivity';
import type { Channel, Id, User } from './types';
import { ui } from './ui.svelte';
import type { MenuItem } from '../components/ui/MenuList.svelte';

/** A command as it is typed: subcommands stand beside their command. */
export interface Usable {
  key: string;
  command: Command;
  application: { id: Id; name: string; bot?: User };
  /** The names of group and subcommand, if there are. */
  path: string[];
  /** As shown: `config set`. */
  name: string;
  description: string;
  options: CommandOption[];
}

interface Held {
  at: number;
  list: Usable[];
  index: CommandIndex;
}

/** A list older than this is fetched anew when it is wanted. */
const FRESH_MS = 30_000;
const held = new SvelteMap<Id, Held>();
const asking = new Map<Id, Promise<void>>();

const locale = () => navigator.language;

/** A text in the person's language, if the application gave one. */
export function localized(
  text: string,
  others: Record<string, string> | null | undefined,
  language = locale(),
): string {
  if (!others) return text;
  const short = language.split('-')[0]!;
  return (
    others[language] ??
    others[short] ??
    Object.entries(others).find(([key]) => key.split('-')[0] === short)?.[1] ??
    text
  );
}

const SUBCOMMAND = 1;
const GROUP = 2;

/** Takes commands apart into what can be used. */
export function usable(index: CommandIndex): Usable[] {
  const applications = new Map(index.applications.map((a) => [a.id, a]));
  const out: Usable[] = [];
  for (const command of index.application_commands) {
    const application = applications.get(command.application_id);
    if (!application || command.type !== 1) continue;
    const add = (path: string[], shown: string[], description: string, options: CommandOption[]) =>
      out.push({
        key: [command.id, ...path].join('/'),
        command,
        application,
        path,
        name: shown.join(' '),
        description,
        options,
      });
    const name = localized(command.name, command.name_localizations);
    const below = (command.options ?? []).filter((o) => o.type === SUBCOMMAND || o.type === GROUP);
    if (!below.length)
      add([], [name], localized(command.description, command.description_localizations), command.options ?? []);
    for (const option of below) {
      const optionName = localized(option.name, option.name_localizations);
      if (option.type === SUBCOMMAND)
        add(
          [option.name],
          [name, optionName],
          localized(option.description, option.description_localizations),
          option.options ?? [],
        );
      else
        for (const sub of option.options ?? [])
          add(
            [option.name, sub.name],
            [name, optionName, localized(sub.name, sub.name_localizations)],
            localized(sub.description, sub.description_localizations),
            sub.options ?? [],
          );
    }
  }
  return out.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** The options of the request: what was filled in, under the names of group and subcommand. */
export function nest(use: Usable, options: Record<string, unknown>[]): Record<string, unknown>[] {
  const [first, second] = use.path;
  if (!first) return options;
  if (!second) return [{ type: SUBCOMMAND, name: first, options }];
  return [{ type: GROUP, name: first, options: [{ type: SUBCOMMAND, name: second, options }] }];
}

/** The body of a request that uses a command. */
export function commandData({ command }: Usable, options: Record<string, unknown>[]): Record<string, unknown> {
  return { id: command.id, name: command.name, type: command.type, version: command.version, options };
}

/** What can be used in a channel, as far as it is known. */
export function commandsOf(channel: Channel): Usable[] {
  return held.get(channel.id)?.list ?? [];
}

/** Fetches them, unless what is known is younger than `maxAgeMs`. What is known is shown meanwhile. */
export function loadCommands(channel: Channel, maxAgeMs = FRESH_MS): Promise<void> {
  const known = held.get(channel.id);
  if (known && Date.now() - known.at < maxAgeMs) return Promise.resolve();
  const running = asking.get(channel.id);
  if (running) return running;
  const load = api
    .index(channel.id)
    .then((index) => void held.set(channel.id, { at: Date.now(), list: usable(index), index }))
    .finally(() => asking.delete(channel.id));
  asking.set(channel.id, load);
  return load;
}

/** Items for the commands on people (2) or messages (3). */
export function commandItems(channel: Channel, type: 2 | 3, targetId: Id): MenuItem[] {
  const index = held.get(channel.id)?.index;
  const applications = new Map(index?.applications.map((a) => [a.id, a]));
  return (index?.application_commands ?? []).flatMap((command) => {
    const application = applications.get(command.application_id);
    if (command.type !== type || !application) return [];
    const data = { id: command.id, name: command.name, type, version: command.version, target_id: targetId };
    const bot = application.bot ?? { id: application.id, username: application.name, bot: true };
    const run = () =>
      void ask({
        type: InteractionType.command,
        applicationId: application.id,
        channel,
        data,
        row: { bot, name: command.name },
      }).catch((error) => ui.toast(describe(error), 'error'));
    return [{ label: localized(command.name, command.name_localizations), icon: 'bot' as const, run }];
  });
}
