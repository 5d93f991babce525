import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { emojiData } from './emoji-data.ts';
import { offline } from './offline.ts';
import { packed } from './packed.ts';

// `npm run dev` proxies the API, gateway and CDN to a running server.
const backend = process.env.CONSORT_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [svelte(), emojiData(), offline(), packed()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 2048,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
    rolldownOptions: {
      input: { index: 'index.html', sw: 'src/sw.ts' },
      // The worker has to keep its address, and to stand where its scope begins.
      output: { entryFileNames: (chunk) => (chunk.name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js') },
    },
  },
  server: {
    proxy: Object.fromEntries(['/api', '/cdn', '/media'].map((path) => [path, { target: backend, ws: true }])),
  },
  resolve: process.env.VITEST ? { conditions: ['browser'] } : {},
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
});
