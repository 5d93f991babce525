/** Privileged intents, by the bits of an application's flags that allow them (Discord developer docs, "Application Flags"). */
export interface Intent {
  bit: number;
  label: string;
  help: string;
}

const MESSAGE_CONTENT = 1 << 19;

export const INTENTS: Intent[] = [
  { bit: MESSAGE_CONTENT, label: 'Message content', help: 'What people write, also where the bot is not mentioned.' },
  { bit: 1 << 15, label: 'Server members', help: 'Who joins, leaves and changes, and lists of members.' },
  { bit: 1 << 13, label: 'Presence', help: 'Who is online, and what they do.' },
];

/** What a new application begins with: most bots read messages. */
export const DEFAULT_INTENTS = MESSAGE_CONTENT;
