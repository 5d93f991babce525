/**
 * davey (https://github.com/Snazzah/davey) in a page. Its WebAssembly is built for threads, and wants a memory that threads share, which
 * browsers give only to pages that are isolated from all others. One thread alone needs none of that: the same code runs with a memory
 * of its own, once the import says so.
 */
import './buffer';
import {
  emnapiAsyncWorkPlugin,
  emnapiTSFNPlugin,
  createContext,
  instantiateNapiModule,
  WASI,
} from '@napi-rs/wasm-runtime';
import type { GroupSession } from './core';

/** What the module exports that is used. */
export interface Davey {
  DAVESession: new (version: number, user: string, channel: string) => GroupSession;
}

/** Up to 256 MiB, in pages; it begins with a quarter of that, most of which is never touched. */
const PAGES_MAX = 4096;
/** Numbers of the binary format (WebAssembly Core Specification, "Modules"). */
const HEADER_BYTES = 8;
const IMPORT_SECTION = 2;
const Import = { function: 0, table: 1, memory: 2, global: 3 } as const;
const HAS_MAXIMUM = 1;
const IS_SHARED = 2;

/** Changes a module so that the memory it imports is not shared; gives how many pages that has at least. */
export function unshare(module: Uint8Array): number {
  let at = HEADER_BYTES;
  const byte = () => {
    const value = module[at++];
    if (value === undefined) throw new Error('a module that ends too early');
    return value;
  };
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const next = byte();
      value += (next & 0x7f) * 2 ** shift;
      if (next < 0x80) return value;
    }
  };
  const limits = () => {
    const has = byte();
    const least = number();
    if (has & HAS_MAXIMUM) number();
    return least;
  };
  let pages: number | null = null;
  while (at < module.length) {
    const id = byte();
    const end = number() + at;
    for (let left = id === IMPORT_SECTION ? number() : 0; left > 0; left -= 1) {
      for (let name = 0; name < 2; name += 1) at = number() + at;
      const kind = byte();
      if (kind === Import.function) number();
      else if (kind === Import.global) at += 2;
      else if (kind === Import.table) {
        at += 1;
        limits();
      } else {
        module[at] = module[at]! & ~IS_SHARED;
        pages = limits();
      }
    }
    at = end;
  }
  if (pages === null) throw new Error('a module without a memory');
  return pages;
}

/** Makes davey of its module, which is changed. */
export async function instantiate(module: Uint8Array<ArrayBuffer>): Promise<Davey> {
  const memory = new WebAssembly.Memory({ initial: unshare(module), maximum: PAGES_MAX });
  const { napiModule } = await instantiateNapiModule(module, {
    context: createContext(),
    asyncWorkPoolSize: 0,
    wasi: new WASI({ version: 'preview1' }),
    plugins: [emnapiAsyncWorkPlugin, emnapiTSFNPlugin],
    overwriteImports(imports) {
      imports.env = { ...imports.env, ...imports.napi, ...imports.emnapi, memory };
      return imports;
    },
    beforeInit({ instance }) {
      for (const [name, register] of Object.entries(instance.exports))
        if (name.startsWith('__napi_register__')) (register as () => void)();
    },
  });
  return napiModule.exports as Davey;
}
