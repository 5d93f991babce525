import { describe, expect, it } from 'vitest';
import { head, isText, languageOf } from '../src/lib/textfile';

describe('isText', () => {
  const file = (filename: string, size = 10, content_type?: string) => ({ filename, size, content_type });
  it.each([
    [file('notes.txt'), true],
    [file('Main.RS'), true],
    [file('README', 10, 'text/plain; charset=utf-8'), true],
    [file('photo.png', 10, 'image/png'), false],
    [file('huge.log', 600 * 1024), false],
    [file('archive.zip', 10, 'application/zip'), false],
    [file('constructor', 10), false],
  ])('%o', (a, wanted) => {
    expect(isText(a)).toBe(wanted);
  });
});

it('tells the language by the ending', () => {
  expect([languageOf('a.b.rs'), languageOf('x.txt'), languageOf('Makefile')]).toEqual(['rust', '', '']);
});

describe('head', () => {
  it('gives the first lines and counts the others', () => {
    expect(head('a\r\nb\nc\n', 2)).toEqual({ text: 'a\nb', more: 1 });
  });
  it('gives all of a short text', () => {
    expect(head('a', 2)).toEqual({ text: 'a', more: 0 });
  });
});
