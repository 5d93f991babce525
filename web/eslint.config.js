import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

/** Lines of markup longer than this hide what they do. */
const WIDTH_MAX = 140;

/** A formatter leaves long texts and classes as they are: what is too long is then the author's to cut. */
const width = {
  meta: {
    type: 'layout',
    schema: [],
    messages: { long: `This line has {{length}} characters; at most ${WIDTH_MAX}.` },
  },
  create: (context) => ({
    Program() {
      context.sourceCode.lines.forEach((line, i) => {
        if (line.length <= WIDTH_MAX) return;
        const loc = { start: { line: i + 1, column: WIDTH_MAX }, end: { line: i + 1, column: line.length } };
        context.report({ loc, messageId: 'long', data: { length: line.length } });
      });
    },
  }),
};

export default ts.config(
  { ignores: ['dist/', 'public/', 'src/lib/api/schema.ts', 'src/lib/gateway/table.ts'] },
  js.configs.recommended,
  ts.configs.recommended,
  svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: {
      // Lists that are drawn whole, such as parsed markup, have no keys; maps that nothing draws need not tell of changes.
      'svelte/require-each-key': 'off',
      'svelte/prefer-svelte-reactivity': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-unused-expressions': ['error', { allowShortCircuit: true, allowTernary: true }],
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'], svelteConfig } },
  },
  { files: ['**/*.svelte'], plugins: { consort: { rules: { width } } }, rules: { 'consort/width': 'error' } },
  { files: ['e2e/**'], rules: { 'no-console': 'off' } },
);
