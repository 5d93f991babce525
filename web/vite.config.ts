import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { emojiData } from './emoji-data.ts';
import { packed } from './packed.ts';

// `npm run dev` proxies the API, gateway and CDN to a running server.
const backend = process.env.CONSORT_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [svelte(), emojiData(), packed()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 2048,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
  server: {
    proxy: Object.fromEntries(['/api', '/cdn', '/media'].map((path) => [path, { target: backend, ws: true }])),
  },
  resolve: process.env.VITEST ? { conditions: ['browser'] } : {},
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
});
