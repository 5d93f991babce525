import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

/** Files that are not packed already, and large enough to get smaller. */
const WORTH_IT = /\.(js|css|html|json|svg|webmanifest|txt|wasm)$/;
const BYTES_MIN = 1024;

/** Puts `FILE.br` and `FILE.gz` beside what was built: the server sends them as they are. */
export function packed(): Plugin {
  let out = '';
  return {
    name: 'packed',
    apply: 'build',
    configResolved(config) {
      out = resolve(config.root, config.build.outDir);
    },
    closeBundle() {
      for (const name of readdirSync(out, { recursive: true }) as string[]) {
        const path = join(out, name);
        if (!WORTH_IT.test(name) || statSync(path).size < BYTES_MIN) continue;
        const bytes = readFileSync(path);
        const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: quality }));
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}
