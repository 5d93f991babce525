import type { Plugin } from 'vite';

/** Files without which the page does not start, or a part of it does not open. */
const NEEDED = /^assets\/.*\.(js|css)$/;
/** What only calls need, which do not open without a network. */
const ONLINE = /^assets\/dave-/;

/** Tells the service worker which files the build has made. */
export function offline(): Plugin {
  return {
    name: 'offline',
    apply: 'build',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const worker = bundle['sw.js'];
        if (worker?.type !== 'chunk') throw new Error('the service worker was not built');
        if (worker.imports.length) throw new Error(`the service worker imports ${worker.imports.join()}`);
        const files = Object.keys(bundle)
          .filter((name) => NEEDED.test(name) && !ONLINE.test(name))
          .sort();
        worker.code = worker.code.replace(/(["'`])__FILES__\1/, JSON.stringify(files.join()));
      },
    },
  };
}
