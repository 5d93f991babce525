/** Files that are text, and can be read in the page. */
import { localUrl } from './media';
import type { Attachment } from './types';

/** Larger files are only downloaded. */
const BYTES_MAX = 512 * 1024;

/** Languages by the endings of names, for colours. */
const LANGUAGES: Record<string, string> = {
  c: 'c',
  cc: 'cpp',
  cpp: 'cpp',
  cs: 'csharp',
  css: 'css',
  diff: 'diff',
  go: 'go',
  h: 'c',
  html: 'xml',
  ini: 'ini',
  java: 'java',
  js: 'javascript',
  json: 'json',
  kt: 'kotlin',
  lua: 'lua',
  md: 'markdown',
  mjs: 'javascript',
  patch: 'diff',
  php: 'php',
  pl: 'perl',
  py: 'python',
  r: 'r',
  rb: 'ruby',
  rs: 'rust',
  scss: 'scss',
  sh: 'bash',
  sql: 'sql',
  svg: 'xml',
  swift: 'swift',
  toml: 'ini',
  ts: 'typescript',
  xml: 'xml',
  yaml: 'yaml',
  yml: 'yaml',
};
const PLAIN = new Set(['txt', 'log', 'csv', 'tsv', 'text', 'conf', 'cfg', 'env', 'srt', 'tex']);

const ending = (name: string): string => /\.([a-z0-9]{1,8})$/i.exec(name)?.[1]?.toLowerCase() ?? '';

/** What a file is written in; empty for plain text. */
export const languageOf = (name: string): string => LANGUAGES[ending(name)] ?? '';

/** Whether a file can be read here. What it says it is does not matter: it is shown as text, whatever is in it. */
export function isText(a: Pick<Attachment, 'filename' | 'size' | 'content_type'>): boolean {
  if (a.size > BYTES_MAX) return false;
  const end = ending(a.filename);
  return end in LANGUAGES || PLAIN.has(end) || (a.content_type?.startsWith('text/') ?? false);
}

const read = new Map<string, Promise<string>>();
const READ_MAX = 20;

/** The text of a file of this server; read once. Throws when it cannot be had, or is no text. */
export function textOf(a: Attachment): Promise<string> {
  const url = localUrl(a.url);
  if (!url) return Promise.reject(new Error('The file is elsewhere'));
  let found = read.get(a.id);
  if (!found) {
    if (read.size >= READ_MAX) read.delete(read.keys().next().value!);
    read.set(a.id, (found = fetchText(url)));
    found.catch(() => read.delete(a.id));
  }
  return found;
}

async function fetchText(url: string): Promise<string> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error('The file could not be read');
  const text = new TextDecoder('utf-8', { fatal: true }).decode(await answer.arrayBuffer());
  if (text.includes('\0')) throw new Error('The file is no text');
  return text;
}

/** The first lines of a text, and how many there are. */
export function head(text: string, lines: number): { text: string; more: number } {
  const all = text.replace(/\r\n?/g, '\n').replace(/\n$/, '').split('\n');
  return { text: all.slice(0, lines).join('\n'), more: Math.max(0, all.length - lines) };
}
