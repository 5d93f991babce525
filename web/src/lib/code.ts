/** Colours of code: what each part of it is. The library is loaded when the first named code block is shown. */

export type CodeNode = { kind: 'text'; text: string } | { kind: 'part'; name: string; children: CodeNode[] };

/** Code longer than this stays in one colour: colouring it would hold the page up. */
const CHARS_MAX = 20_000;

interface Tree {
  type: string;
  value?: string;
  properties?: { className?: unknown };
  children?: Tree[];
}

/** Names of parts that look alike: those of highlight.js ("CSS classes reference") to the few this client has colours for. */
const NAMES: Record<string, string> = {
  keyword: 'word',
  literal: 'word',
  'selector-tag': 'word',
  tag: 'word',
  meta: 'word',
  operator: 'word',
  string: 'string',
  regexp: 'string',
  char: 'string',
  addition: 'string',
  link: 'string',
  number: 'number',
  symbol: 'number',
  bullet: 'number',
  attr: 'number',
  attribute: 'number',
  variable: 'number',
  comment: 'comment',
  quote: 'comment',
  doctag: 'comment',
  title: 'title',
  name: 'title',
  section: 'title',
  function: 'title',
  'selector-class': 'title',
  'selector-id': 'title',
  type: 'type',
  built_in: 'type',
  class: 'type',
  deletion: 'type',
};

/** The library's tree in this client's words. */
export function toNodes(tree: Tree): CodeNode[] {
  return (tree.children ?? []).map((child) => {
    if (child.type === 'text') return { kind: 'text', text: child.value ?? '' };
    const classes = Array.isArray(child.properties?.className) ? child.properties.className.map(String) : [];
    const name = (classes[0] ?? '').replace(/^hljs-/, '');
    return { kind: 'part', name: NAMES[name] ?? '', children: toNodes(child) };
  });
}

let library: Promise<{ registered(lang: string): boolean; highlight(lang: string, text: string): unknown }> | undefined;

/** The parts of a piece of code, or null for a language that is not known. */
export async function coloured(lang: string, text: string): Promise<CodeNode[] | null> {
  if (!lang || text.length > CHARS_MAX) return null;
  const { registered, highlight } = await (library ??= import('lowlight').then(({ common, createLowlight }) =>
    createLowlight(common),
  ));
  const name = lang.toLowerCase();
  return registered(name) ? toNodes(highlight(name, text) as Tree) : null;
}
