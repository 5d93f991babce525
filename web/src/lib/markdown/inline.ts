/** Inline markup: emphasis, code, links, mentions, emoji, timestamps. */
import type { Inline } from './ast';

/** Nesting beyond this is left as plain text, so that hostile input cannot exhaust the stack. */
const DEPTH_MAX = 12;

const EMOJI =
  /^(?:\p{Regional_Indicator}{2}|[#*0-9]\uFE0F?\u20E3|\p{Emoji}(?:\p{Emoji_Modifier}|\uFE0F)?(?:\u200D\p{Emoji}(?:\p{Emoji_Modifier}|\uFE0F)?)*)/u;
const PICTOGRAPH = /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20E3/u;

type Rule = (source: string, depth: number, previous: string) => { node: Inline | Inline[]; length: number } | null;

/** Only these may become links; everything else could run code. */
function safeUrl(text: string): string | null {
  try {
    const url = new URL(text);
    return url.protocol === 'http:' || url.protocol === 'https:' || url.protocol === 'mailto:' ? url.href : null;
  } catch {
    return null;
  }
}

const escapeRule: Rule = (s) => {
  const m = /^\\([^0-9A-Za-z\s])/.exec(s);
  return m ? { node: { kind: 'text', text: m[1]! }, length: 2 } : null;
};

const codeRule: Rule = (s) => {
  const m = /^(`+)([\s\S]*?[^`])\1(?!`)/.exec(s);
  return m ? { node: { kind: 'code', text: m[2]!.replace(/^ (.*`.*) $/, '$1') }, length: m[0].length } : null;
};

function pair(kind: 'strong' | 'underline' | 'strike' | 'spoiler', pattern: RegExp): Rule {
  return (s, depth) => {
    const m = pattern.exec(s);
    return m ? { node: { kind, children: inline(m[1]!, depth + 1) }, length: m[0].length } : null;
  };
}

/**
 * Finds the single `mark` that closes an emphasis opened at 0, stepping over doubled marks and escapes.
 * A scan, not a pattern: a pattern would backtrack without end on rows of marks.
 */
function closingMark(s: string, mark: string): number {
  for (let i = 1; i < s.length; i++) {
    if (s[i] === '\\') i++;
    else if (s[i] === mark && s[i + 1] === mark) {
      const end = s.indexOf(mark + mark, i + 2);
      if (end < 0) return -1;
      i = end + 1;
    } else if (s[i] === mark && i > 1) return i;
  }
  return -1;
}

const emRule: Rule = (s, depth, previous) => {
  const mark = s[0]!;
  if (/^.\s/.test(s) || (mark === '_' && /\w$/.test(previous))) return null;
  const end = closingMark(s, mark);
  if (end < 0 || (mark === '*' && /\s/.test(s[end - 1]!)) || (mark === '_' && /\w/.test(s[end + 1] ?? ''))) return null;
  return { node: { kind: 'em', children: inline(s.slice(1, end), depth + 1) }, length: end + 1 };
};

const maskedLinkRule: Rule = (s, depth) => {
  const m = /^\[((?:\\.|[^[\]\\])+)\]\(<?([^\s<>()]+(?:\([^\s<>()]*\)[^\s<>()]*)*)>?(?:\s+"([^"]*)")?\)/.exec(s);
  const href = m && safeUrl(m[2]!);
  if (!m || !href) return null;
  return { node: { kind: 'link', href, title: m[3], children: inline(m[1]!, depth + 1, true) }, length: m[0].length };
};

const urlRule: Rule = (s, _depth, previous) => {
  const angled = /^<(https?:\/\/[^\s<>]+)>/.exec(s);
  if (angled) {
    const href = safeUrl(angled[1]!);
    return href
      ? { node: { kind: 'link', href, children: [{ kind: 'text', text: angled[1]! }] }, length: angled[0].length }
      : null;
  }
  if (/[\w/]$/.test(previous)) return null;
  const m = /^https?:\/\/[^\s<>"`|]+/.exec(s);
  if (!m) return null;
  let text = m[0].replace(/(?:[.,:;!?'"*_~]+)$/, '');
  while (text.endsWith(')') && text.split(')').length > text.split('(').length) text = text.slice(0, -1);
  const href = safeUrl(text);
  return href ? { node: { kind: 'link', href, children: [{ kind: 'text', text }] }, length: text.length } : null;
};

const angleRule: Rule = (s) => {
  const m =
    /^<(?:@!?(\d{1,20})|@&(\d{1,20})|#(\d{1,20})|(a?):(\w{1,64}):(\d{1,20})|t:(-?\d{1,17})(?::([tTdDfFR]))?|\/([^:<>\n]{1,100}):\d{1,20})>/.exec(
      s,
    );
  if (!m) return null;
  const length = m[0].length;
  if (m[1]) return { node: { kind: 'user', id: m[1] }, length };
  if (m[2]) return { node: { kind: 'role', id: m[2] }, length };
  if (m[3]) return { node: { kind: 'channel', id: m[3] }, length };
  if (m[6]) return { node: { kind: 'emoji', id: m[6], name: m[5]!, animated: m[4] === 'a' }, length };
  if (m[7]) return { node: { kind: 'time', unix: Number(m[7]), style: m[8] ?? 'f' }, length };
  return { node: { kind: 'command', name: m[9]! }, length };
};

const everyoneRule: Rule = (s) => {
  const m = /^@(?:everyone|here)\b/.exec(s);
  return m ? { node: { kind: 'everyone', text: m[0] as '@everyone' }, length: m[0].length } : null;
};

const emojiRule: Rule = (s) => {
  const m = EMOJI.exec(s);
  return m && PICTOGRAPH.test(m[0]) && !/^[\u00A9\u00AE\u2122]$/.test(m[0])
    ? { node: { kind: 'unicode', text: m[0] }, length: m[0].length }
    : null;
};

const breakRule: Rule = (s) => (s.startsWith('\n') ? { node: { kind: 'break' }, length: 1 } : null);

const strong = pair('strong', /^\*\*((?:\\[\s\S]|[^\\])+?)\*\*(?!\*)/);
const underline = pair('underline', /^__((?:\\[\s\S]|[^\\])+?)__(?!_)/);
const strike = pair('strike', /^~~((?:\\[\s\S]|[^\\])+?)~~/);
const spoiler = pair('spoiler', /^\|\|((?:\\[\s\S]|[^\\])+?)\|\|/);

/** Rules by the character they begin with, in the order they are tried. */
const RULES: Record<string, Rule[]> = {
  '\\': [escapeRule],
  '`': [codeRule],
  '*': [strong, emRule, emojiRule],
  _: [underline, emRule],
  '~': [strike],
  '|': [spoiler],
  '[': [maskedLinkRule],
  '<': [urlRule, angleRule],
  h: [urlRule],
  '@': [everyoneRule],
  '\n': [breakRule],
};

/** Parses inline markup; inside a link no further links are made. */
export function inline(source: string, depth = 0, inLink = false): Inline[] {
  if (depth > DEPTH_MAX) return [{ kind: 'text', text: source }];
  const out: Inline[] = [];
  let text = '';
  const flush = () => {
    if (text) out.push({ kind: 'text', text });
    text = '';
  };
  for (let i = 0; i < source.length;) {
    const char = source[i]!;
    const rules = RULES[char] ?? (char > '\u007f' || (char >= '#' && char <= '9') ? [emojiRule] : undefined);
    const rest = rules && source.slice(i);
    const hit = rest ? firstHit(rules, rest, depth, text, inLink) : null;
    if (!hit) {
      const point = source.codePointAt(i)!;
      text += String.fromCodePoint(point);
      i += point > 0xffff ? 2 : 1;
      continue;
    }
    const nodes = Array.isArray(hit.node) ? hit.node : [hit.node];
    if (nodes.length === 1 && nodes[0]!.kind === 'text') text += nodes[0]!.text;
    else {
      flush();
      out.push(...nodes);
    }
    i += hit.length;
  }
  flush();
  return out;
}

function firstHit(rules: Rule[], rest: string, depth: number, previous: string, inLink: boolean) {
  for (const rule of rules) {
    if (inLink && (rule === urlRule || rule === maskedLinkRule)) continue;
    const hit = rule(rest, depth, previous);
    if (hit) return hit;
  }
  return null;
}
