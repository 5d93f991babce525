import { describe, expect, it, vi } from 'vitest';
import { fieldError, fieldsOf, initialValue, submission } from '../src/lib/forms';
import { optionError, OptionType, wireOptions } from '../src/lib/options';
import { expand, pick, slashQuery } from '../src/components/composer/slash';
import { localized, nest, usable } from '../src/lib/commands.svelte';
import { isBlank, layOut, shownOf, type Row } from '../src/components/chat/rows';
import { ComponentType, type Component, type Message } from '../src/lib/types';

vi.stubGlobal('navigator', { language: 'en-GB' });

const text: Component = { type: ComponentType.textInput, custom_id: 't', min_length: 2, max_length: 4 };
const select: Component = {
  type: ComponentType.stringSelect,
  custom_id: 's',
  options: [
    { label: 'A', value: 'a', default: true },
    { label: 'B', value: 'b' },
  ],
  max_values: 1,
};
const form: Component[] = [
  { type: ComponentType.text, content: 'hi' },
  { type: ComponentType.row, components: [text] },
  { type: ComponentType.label, label: 'L', component: select },
];

describe('a form', () => {
  it('begins with what the application gave', () => expect(fieldsOf(form).map(initialValue)).toEqual(['', ['a']]));
  it('tells what is wrong with a field', () => {
    expect(fieldError(text, '')).toBe('This is needed');
    expect(fieldError({ ...text, required: false }, '')).toBeNull();
    expect(fieldError(text, 'x')).toBe('At least 2 characters');
    expect(fieldError(text, 'xxxxx')).toBe('At most 4 characters');
    expect(fieldError(select, ['a', 'b'])).toBe('Choose at most 1');
    expect(fieldError(select, ['b'])).toBeNull();
  });
  it('is sent without its decorations, and names its files by number', () => {
    const upload: Component = {
      type: ComponentType.label,
      component: { type: ComponentType.fileUpload, custom_id: 'f' },
    };
    const file = new File(['x'], 'x.txt');
    const { components, files } = submission([...form, upload], { t: 'abc', s: ['b'], f: [file] });
    expect(components).toEqual([
      { type: 1, components: [{ type: 4, custom_id: 't', value: 'abc' }] },
      { type: 18, component: { type: 3, custom_id: 's', values: ['b'] } },
      { type: 18, component: { type: 19, custom_id: 'f', values: ['0'] } },
    ]);
    expect(files).toEqual([file]);
  });
});

describe('options', () => {
  const option = (type: number, extra = {}) => ({ type, name: 'o', description: '', ...extra });
  it.each([
    [option(OptionType.integer, { min_value: 1, max_value: 3 }), '2', null],
    [option(OptionType.integer), '2.5', 'This is not a whole number'],
    [option(OptionType.number), 'two', 'This is not a number'],
    [option(OptionType.integer, { max_value: 3 }), '9', 'At most 3'],
    [option(OptionType.string, { min_length: 3 }), 'ab', 'At least 3 characters'],
    [option(OptionType.string, { required: true }), '', 'This is needed'],
    [option(OptionType.string), undefined, null],
  ])('%j with %j: %s', (o, value, error) => expect(optionError(o, value)).toBe(error));
  it('are sent as their types, without those that were left out', () => {
    const list = [
      { ...option(OptionType.integer), name: 'n' },
      { ...option(OptionType.boolean), name: 'b' },
      { ...option(OptionType.string), name: 's' },
    ];
    expect(wireOptions(list, { n: '4', b: false, s: '' }).options).toEqual([
      { type: 4, name: 'n', value: 4 },
      { type: 5, name: 'b', value: false },
    ]);
  });
});

describe('commands', () => {
  const index = {
    applications: [{ id: '7', name: 'Prompter' }],
    application_commands: [
      {
        id: '1',
        type: 1,
        application_id: '7',
        name: 'seat',
        description: 'd',
        options: [
          {
            type: 2,
            name: 'row',
            description: '',
            options: [{ type: 1, name: 'give', description: 'Gives', options: [] }],
          },
          { type: 1, name: 'list', description: 'Lists' },
        ],
      },
      { id: '2', type: 1, application_id: '7', name: 'echo', description: 'Says', name_localizations: { de: 'hall' } },
      { id: '3', type: 3, application_id: '7', name: 'Quote', description: '' },
      { id: '4', type: 1, application_id: '9', name: 'orphan', description: '' },
    ],
  };
  it('are listed with their subcommands', () => {
    const list = usable(index);
    expect(list.map((u) => u.name)).toEqual(['echo', 'seat list', 'seat row give']);
    expect(nest(list[2]!, [{ name: 'x' }])).toEqual([
      { type: 2, name: 'row', options: [{ type: 1, name: 'give', options: [{ name: 'x' }] }] },
    ]);
  });
  it('have the name of the language, or of a near one', () => {
    expect(localized('echo', { de: 'hall' }, 'de-AT')).toBe('hall');
    expect(localized('color', { 'en-GB': 'colour' }, 'en-AU')).toBe('colour');
    expect(localized('echo', { de: 'hall' }, 'fr')).toBe('echo');
  });
  it('are looked for after a slash at the beginning only', () => {
    expect([
      slashQuery('/'),
      slashQuery('/se gi'),
      slashQuery('a /b'),
      slashQuery('//x'),
      slashQuery('/shrug well'),
    ]).toEqual(['', 'se gi', null, null, null]);
    expect(pick(usable(index), 'sea').map((o) => o.name)).toEqual(['seat list', 'seat row give']);
  });
  it('that the client knows itself are turned into text, others stay', () => {
    expect(expand('/spoiler the end')).toBe('||the end||');
    expect(expand('/me bows')).toBe('_bows_');
    expect(expand('/constructor x')).toBe('/constructor x');
  });
});

describe('rows', () => {
  const message = (id: string, author: string, extra: Partial<Message> = {}): Message => ({
    id,
    channel_id: '1',
    author: { id: author, username: author },
    content: id,
    timestamp: `2026-01-01T00:00:0${id}Z`,
    type: 0,
    mentions: [],
    mention_roles: [],
    attachments: [],
    embeds: [],
    ...extra,
  });
  const lay = (unfolded: string[] = []) =>
    layOut({
      items: [message('1', 'a'), message('2', 'x'), message('3', 'x'), message('4', 'a')],
      outbox: [],
      hasOlder: false,
      hasNewer: false,
      readUpTo: null,
      meId: 'a',
      isBlocked: (id) => id === 'x',
      unfolded: new Set(unfolded),
    });
  const kinds = (rows: Row[]) =>
    rows.map((r) => (r.kind === 'message' ? r.message.id : r.kind === 'blocked' ? `blocked ${r.count}` : r.kind));
  it('fold what blocked people write, until it is asked for', () => {
    expect(kinds(lay())).toEqual(['top', 'day', '1', 'blocked 2', '4', 'foot']);
    expect(kinds(lay(['b2']))).toEqual(['top', 'day', '1', 'blocked 2', '2', '3', '4', 'foot']);
  });
  it('show the message that a thread began with as its author’s', () => {
    const starter = message('5', 'ben', { type: 21, content: '', referenced_message: message('1', 'layla') });
    expect(shownOf(starter)).toMatchObject({ content: '1', author: { id: 'layla' } });
  });
  it('know a message with nothing to draw from one with a poll or buttons alone', () => {
    const empty = { content: '' };
    expect(isBlank(message('1', 'a', empty))).toBe(true);
    expect(isBlank(message('1', 'a', { ...empty, poll: { question: {}, answers: [] } }))).toBe(false);
    expect(isBlank(message('1', 'a', { ...empty, components: [{ type: 1 }] }))).toBe(false);
  });
});
