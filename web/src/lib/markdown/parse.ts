/** The message markup: blocks (quotes, headings, lists, code) made of inline markup. */
import type { Block, Inline } from './ast';
import { inline } from './inline';

export type { Block, Inline } from './ast';

const QUOTE_DEPTH_MAX = 1;
const LIST_DEPTH_MAX = 8;

/** Parses a message into blocks. Never throws; what is not markup stays text. */
export function parse(source: string): Block[] {
  return blocks(source.replace(/\r\n?/g, '\n'), 0, 0);
}

/** Parses one line of markup, as for topics and embed titles. */
export function parseInline(source: string): Inline[] {
  return inline(source);
}

function blocks(source: string, quoteDepth: number, listDepth: number): Block[] {
  const out: Block[] = [];
  let paragraph: string[] = [];
  const flush = () => {
    const text = paragraph.join('\n');
    paragraph = [];
    if (text.trim()) out.push({ kind: 'paragraph', children: inline(text) });
  };
  const lines = source.split('\n');
  for (let i = 0; i < lines.length;) {
    const line = lines[i]!;
    const fence = fenced(lines, i);
    if (fence) {
      if (fence.before) paragraph.push(fence.before);
      flush();
      out.push(fence.block);
      if (fence.after) lines[fence.next - 1] = fence.after;
      i = fence.after ? fence.next - 1 : fence.next;
      continue;
    }
    if (quoteDepth < QUOTE_DEPTH_MAX && /^>>> /.test(line)) {
      flush();
      out.push({
        kind: 'quote',
        children: blocks([line.slice(4), ...lines.slice(i + 1)].join('\n'), quoteDepth + 1, listDepth),
      });
      return out;
    }
    if (quoteDepth < QUOTE_DEPTH_MAX && /^> /.test(line)) {
      flush();
      const quoted: string[] = [];
      for (; i < lines.length && /^> |^>$/.test(lines[i]!); i++) quoted.push(lines[i]!.slice(2));
      out.push({ kind: 'quote', children: blocks(quoted.join('\n'), quoteDepth + 1, listDepth) });
      continue;
    }
    const heading = /^(#{1,3}) +(.+?)\s*#*$/.exec(line);
    const subtext = /^-# +(.+)$/.exec(line);
    if (heading || subtext) {
      flush();
      if (heading) out.push({ kind: 'heading', level: heading[1]!.length as 1 | 2 | 3, children: inline(heading[2]!) });
      else out.push({ kind: 'subtext', children: inline(subtext![1]!) });
      i++;
      continue;
    }
    if (listDepth < LIST_DEPTH_MAX && MARKER.test(line)) {
      flush();
      const list = listAt(lines, i, quoteDepth, listDepth);
      out.push(list.block);
      i = list.next;
      continue;
    }
    paragraph.push(line);
    i++;
  }
  flush();
  return out;
}

interface Fence {
  before: string;
  block: Block;
  after: string;
  next: number;
}

/** A code block may open anywhere in a line, and closes at the next three backticks. */
function fenced(lines: string[], at: number): Fence | null {
  const open = lines[at]!.indexOf('```');
  if (open < 0) return null;
  const rest = [lines[at]!.slice(open + 3), ...lines.slice(at + 1)].join('\n');
  const close = rest.indexOf('```', 1);
  if (close < 0 || !rest.slice(0, close).trim()) return null;
  const body = rest.slice(0, close);
  const lang = /^([\w+\-.#]{1,24})\n/.exec(body);
  const text = (lang ? body.slice(lang[0].length) : body).replace(/^\n/, '').replace(/\n$/, '');
  const tail = rest.slice(close + 3);
  const taken = body.split('\n').length;
  return {
    before: lines[at]!.slice(0, open),
    block: { kind: 'codeblock', lang: lang?.[1] ?? '', text },
    after: tail.split('\n')[0]!,
    next: at + taken,
  };
}

const MARKER = /^( *)(?:[-*]|(\d{1,9})\.) +(\S.*)$/;

/** Reads a list and what is indented under its items. */
function listAt(lines: string[], at: number, quoteDepth: number, listDepth: number): { block: Block; next: number } {
  const first = MARKER.exec(lines[at]!)!;
  const indent = first[1]!.length;
  const ordered = first[2] !== undefined;
  const items: Block[][] = [];
  let current: string[] | null = null;
  let i = at;
  const flush = () => {
    if (current) items.push(blocks(current.join('\n'), quoteDepth, listDepth + 1));
  };
  for (; i < lines.length; i++) {
    const line = lines[i]!;
    const marker = MARKER.exec(line);
    const depth = marker ? marker[1]!.length : line.length - line.trimStart().length;
    if (marker && depth <= indent + 1) {
      if (depth < indent || (marker[2] !== undefined) !== ordered) break;
      flush();
      current = [marker[3]!];
    } else if (line.trim() && depth > indent) {
      current!.push(line.slice(Math.min(depth, indent + 2)));
    } else break;
  }
  flush();
  return { block: { kind: 'list', ordered, start: ordered ? Number(first[2]) : 1, items }, next: i };
}

/** Whether a message is nothing but a few emoji, which are then shown large. */
export function isJumbo(tree: Block[]): boolean {
  if (tree.length !== 1 || tree[0]!.kind !== 'paragraph') return false;
  let count = 0;
  for (const node of tree[0]!.children) {
    if (node.kind === 'emoji' || node.kind === 'unicode') count++;
    else if (node.kind !== 'break' && !(node.kind === 'text' && !node.text.trim())) return false;
  }
  return count > 0 && count <= 27;
}

export interface Names {
  user(id: string): string;
  role(id: string): string;
  channel(id: string): string;
}

/** The markup as plain words, for previews and announcements. */
export function toPlain(source: string, names: Names): string {
  const walk = (nodes: Inline[]): string =>
    nodes
      .map((n) => {
        switch (n.kind) {
          case 'text':
          case 'code':
          case 'unicode':
          case 'everyone':
            return n.text;
          case 'spoiler':
            return '(spoiler)';
          case 'strong':
          case 'em':
          case 'underline':
          case 'strike':
          case 'link':
            return walk(n.children);
          case 'user':
            return `@${names.user(n.id)}`;
          case 'role':
            return `@${names.role(n.id)}`;
          case 'channel':
            return `#${names.channel(n.id)}`;
          case 'emoji':
            return `:${n.name}:`;
          case 'command':
            return `/${n.name}`;
          case 'time':
            return new Date(n.unix * 1000).toLocaleString();
          case 'break':
            return ' ';
        }
      })
      .join('');
  const block = (b: Block): string => {
    if (b.kind === 'codeblock') return b.text;
    if (b.kind === 'quote') return b.children.map(block).join(' ');
    if (b.kind === 'list') return b.items.map((item) => item.map(block).join(' ')).join(', ');
    return walk(b.children);
  };
  return parse(source).map(block).join(' ');
}
