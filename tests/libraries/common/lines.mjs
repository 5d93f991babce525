// What a bot tells the runner: a line for each thing, on standard output.

/** Tells the runner something, as one line. */
export function say(...words) {
  process.stdout.write(words.join(' ').replace(/\s+/g, ' ').trim() + '\n');
}

/** Thrown when the library has no such thing. */
export class Cannot extends Error {}

/** The version of an installed package, as its lock file has it. */
export async function version(name) {
  const { readFile } = await import('node:fs/promises');
  const lock = JSON.parse(await readFile('package-lock.json', 'utf8'));
  return lock.packages[`node_modules/${name}`].version;
}

/** Takes the step that a message asks for and tells what came of it. */
export async function answer(step, steps, message) {
  const body = steps[step];
  if (!body) return say('cannot', step, 'this bot has no such step');
  try {
    say('done', step, (await body(message)) ?? '');
  } catch (error) {
    if (error instanceof Cannot) return say('cannot', step, error.message);
    console.error(error);
    say('FAIL', step, String(error?.message ?? error).slice(0, 300));
  }
}

process.on('unhandledRejection', (error) => {
  console.error(error);
  say('error', String(error?.message ?? error).slice(0, 300));
});

const id = (name) => process.env[`${name}_ID`];
export const IDS = Object.fromEntries(
  ['GUILD', 'CHANNEL', 'MEMBER', 'TARGET', 'FORUM', 'VOICE', 'EMOJI', 'APPLICATION'].map((name) => [name, id(name)]),
);
export const FRUITS = ['apple', 'apricot', 'banana'];

/** The commands of every bot, as the API takes them. */
export const COMMANDS = [
  { name: 'echo', options: [{ type: 3, name: 'text', description: 'words', required: true }] },
  { name: 'fruit', options: [{ type: 3, name: 'name', description: 'words', required: true, autocomplete: true }] },
  { name: 'slow' },
  { name: 'panel' },
  { name: 'form' },
].map((command) => ({ type: 1, description: `The command ${command.name}`, ...command }));

/** The rows of the panel. */
export const PANEL = [
  { type: 1, components: [{ type: 2, style: 1, label: 'Press', custom_id: 'press' }] },
  { type: 1, components: [{ type: 3, custom_id: 'choose', options: ['red', 'blue'].map((each) => ({ label: each, value: each })) }] },
];

/** The form. */
export const FORM = {
  title: 'Form',
  custom_id: 'form',
  components: [{ type: 1, components: [{ type: 4, custom_id: 'words', label: 'Words', style: 1 }] }],
};
