import { describe, expect, it } from 'vitest';
import { isJumbo, parse, toPlain, type Block, type Inline } from '../src/lib/markdown/parse';

/** A compact notation of a tree, so that expectations stay readable. */
function show(nodes: Inline[]): string {
  return nodes
    .map((n) => {
      switch (n.kind) {
        case 'text':
          return n.text;
        case 'strong':
        case 'em':
        case 'underline':
        case 'strike':
        case 'spoiler':
          return `${n.kind}(${show(n.children)})`;
        case 'link':
          return `link[${n.href}](${show(n.children)})`;
        case 'code':
        case 'unicode':
        case 'everyone':
          return `${n.kind}<${n.text}>`;
        case 'emoji':
          return `emoji<${n.name},${n.id}${n.animated ? ',animated' : ''}>`;
        case 'time':
          return `time<${n.unix},${n.style}>`;
        case 'command':
          return `command<${n.name}>`;
        case 'break':
          return '⏎';
        default:
          return `${n.kind}<${n.id}>`;
      }
    })
    .join('');
}

function blocks(tree: Block[]): string {
  return tree
    .map((b) => {
      switch (b.kind) {
        case 'codeblock':
          return `code:${b.lang}{${b.text}}`;
        case 'quote':
          return `quote{${blocks(b.children)}}`;
        case 'list':
          return `${b.ordered ? `ol${b.start}` : 'ul'}{${b.items.map(blocks).join(' | ')}}`;
        case 'heading':
          return `h${b.level}{${show(b.children)}}`;
        case 'paragraph':
          return `p{${show(b.children)}}`;
        default:
          return `${b.kind}{${show(b.children)}}`;
      }
    })
    .join(' ');
}

const md = (source: string) => blocks(parse(source));

describe('inline markup', () => {
  it.each([
    ['**bold** and *italic* and _also_', 'p{strong(bold) and em(italic) and em(also)}'],
    ['***both***', 'p{strong(em(both))}'],
    ['__under__ ~~gone~~ ||secret||', 'p{underline(under) strike(gone) spoiler(secret)}'],
    ['**bold *nested* text**', 'p{strong(bold em(nested) text)}'],
    ['2 * 3 * 4', 'p{2 * 3 * 4}'],
    ['snake_case_name', 'p{snake_case_name}'],
    ['\\*not italic\\*', 'p{*not italic*}'],
    ['¯\\_(ツ)_/¯', 'p{¯_(ツ)_/¯}'],
    ['`code **raw**` and ``a ` b``', 'p{code<code **raw**> and code<a ` b>}'],
    ['unclosed **bold', 'p{unclosed **bold}'],
    ['line\nbreak', 'p{line⏎break}'],
  ])('reads %j', (source, expected) => expect(md(source)).toBe(expected));
});

describe('links', () => {
  it.each([
    ['see https://example.org/a_b_c.', 'p{see link[https://example.org/a_b_c](https://example.org/a_b_c).}'],
    ['(https://example.org/x_(y))', 'p{(link[https://example.org/x_(y)](https://example.org/x_(y)))}'],
    ['<https://example.org>', 'p{link[https://example.org/](https://example.org)}'],
    ['[the **site**](https://example.org "tip")', 'p{link[https://example.org/](the strong(site))}'],
    ['[run](javascript:alert(1))', 'p{[run](javascript:alert(1))}'],
    ['[data](data:text/html,x)', 'p{[data](data:text/html,x)}'],
    ['[https://a.example](https://b.example)', 'p{link[https://b.example/](https://a.example)}'],
    ['xhttps://example.org', 'p{xhttps://example.org}'],
  ])('reads %j', (source, expected) => expect(md(source)).toBe(expected));
});

describe('mentions, emoji and timestamps', () => {
  it.each([
    ['<@1> <@!2> <@&3> <#4>', 'p{user<1> user<2> role<3> channel<4>}'],
    ['@everyone @here', 'p{everyone<@everyone> everyone<@here>}'],
    ['<:wave:5> <a:spin:6>', 'p{emoji<wave,5> emoji<spin,6,animated>}'],
    ['<t:1700000000:R> <t:1700000000>', 'p{time<1700000000,R> time<1700000000,f>}'],
    ['</help:9>', 'p{command<help>}'],
    ['hi 👋🏽!', 'p{hi unicode<👋🏽>!}'],
    ['👨‍👩‍👧 🇩🇪 1️⃣', 'p{unicode<👨‍👩‍👧> unicode<🇩🇪> unicode<1️⃣>}'],
    ['10:30 #5 © 2026', 'p{10:30 #5 © 2026}'],
    ['`<@1>`', 'p{code<<@1>>}'],
  ])('reads %j', (source, expected) => expect(md(source)).toBe(expected));

  it('knows when a message is only emoji', () => {
    expect(isJumbo(parse('👋 <:wave:5>'))).toBe(true);
    expect(isJumbo(parse('👋 hi'))).toBe(false);
    expect(isJumbo(parse('42'))).toBe(false);
  });
});

describe('blocks', () => {
  it.each([
    ['# One\n## Two\n### Three', 'h1{One} h2{Two} h3{Three}'],
    ['#no heading', 'p{#no heading}'],
    ['-# small', 'subtext{small}'],
    ['> quoted\n> more\nafter', 'quote{p{quoted⏎more}} p{after}'],
    ['>>> all\nthe rest', 'quote{p{all⏎the rest}}'],
    ['```rs\nlet x = 1;\n```', 'code:rs{let x = 1;}'],
    ['before ```x``` after', 'p{before } code:{x} p{ after}'],
    ['```unclosed', 'p{```unclosed}'],
    ['- one\n- two\n  - deep', 'ul{p{one} | p{two} ul{p{deep}}}'],
    ['3. three\n4. four', 'ol3{p{three} | p{four}}'],
    ['text\n- item', 'p{text} ul{p{item}}'],
    ['a\n\nb', 'p{a⏎⏎b}'],
  ])('reads %j', (source, expected) => expect(md(source)).toBe(expected));
});

describe('hostile input', () => {
  it.each([
    ['stars', '*'.repeat(4000)],
    ['pairs of stars', '**a'.repeat(1300)],
    ['one star before pairs', `*${'**a'.repeat(1300)}`],
    ['brackets', '['.repeat(4000)],
    ['nested quotes', '> '.repeat(2000)],
    ['backticks', '`'.repeat(4000)],
    ['spoilers', '|'.repeat(4000)],
    ['nested lists', Array.from({ length: 200 }, (_, i) => `${' '.repeat(i)}- x`).join('\n')],
  ])('reads %s in bounded time', (_name, source) => {
    const start = performance.now();
    parse(source);
    expect(performance.now() - start).toBeLessThan(1500);
  });
});

it('gives plain words for announcements', () => {
  const names = { user: () => 'Ada', role: () => 'Team', channel: () => 'general' };
  expect(toPlain('**Hi** <@1>, see <#2> ||boo|| :)\n> quote', names)).toBe('Hi @Ada, see #general (spoiler) :) quote');
});
