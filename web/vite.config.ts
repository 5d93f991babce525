import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { ahead } from './ahead.ts';
import { emojiData } from './emoji-data.ts';
import { offline } from './offline.ts';
import { packed } from './packed.ts';

// `npm run dev` proxies the API, gateway and CDN to a running server.
const backend = process.env.CONSORT_URL ?? 'http://127.0.0.1:8080';

/**
 * Few files, since many small ones would wait for one another over HTTP/1.1: what connects to the server, which is wanted first,
 * and the parts that most pages are made of.
 */
const BASE = /node_modules\/(svelte|esm-env|clsx|fflate)\/|\/src\/lib\/|\/ui\/(Icon|Toasts|icons)\b/;
const PARTS = /node_modules\/virtua\/|\/src\/components\/(ui|channel|members)\//;
/** What the service worker is made of, and what only some pages need. */
const APART =
  /\/src\/lib\/(shell|stickers|textfile|forms|inbox|posts\.svelte|composer\/.*|markdown\/.*|cards|commands\.svelte|options|entities|permissions|voice\/(parts|link|core|sdp|microphone|loudness|dave\/.*))\.ts|\/ui\/(ImagePicker|Switch)\.svelte/;
const among = (own: RegExp) => (id: string) => own.test(id) && !APART.test(id);

export default defineConfig({
  plugins: [svelte(), emojiData(), ahead(), offline(), packed()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 2048,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
    rolldownOptions: {
      input: { index: 'index.html', sw: 'src/sw.ts' },
      // The worker has to keep its address, and to stand where its scope begins.
      output: {
        entryFileNames: (chunk) => (chunk.name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
        codeSplitting: {
          groups: [
            { name: 'base', test: among(BASE), priority: 2 },
            { name: 'parts', test: among(PARTS) },
          ],
        },
      },
    },
  },
  // The worker that encrypts calls: the server knows it by its name, and lets it alone run WebAssembly.
  worker: { format: 'es', rolldownOptions: { output: { entryFileNames: 'assets/dave-[hash].js' } } },
  server: {
    proxy: Object.fromEntries(['/api', '/cdn', '/media'].map((path) => [path, { target: backend, ws: true }])),
  },
  resolve: process.env.VITEST ? { conditions: ['browser'] } : {},
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
});
