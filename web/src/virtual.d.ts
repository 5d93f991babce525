declare module 'virtual:emoji-data' {
  /** Character, group, label, shortcodes, tags, 1 if it comes in skin tones. */
  const rows: [string, number, string, string, string, number][];
  export default rows;
}

/** Made by napi-rs without types: what of it is used (https://www.npmjs.com/package/@napi-rs/wasm-runtime). */
declare module '@napi-rs/wasm-runtime' {
  type Imports = Record<string, Record<string, unknown>>;
  interface Options {
    context: unknown;
    asyncWorkPoolSize: number;
    wasi: WASI;
    plugins: unknown[];
    overwriteImports(imports: Imports): Imports;
    beforeInit(loaded: { instance: WebAssembly.Instance }): void;
  }
  export class WASI {
    constructor(options: { version: 'preview1' });
  }
  export const emnapiAsyncWorkPlugin: unknown;
  export const emnapiTSFNPlugin: unknown;
  export function createContext(): unknown;
  export function instantiateNapiModule(
    module: BufferSource,
    options: Options,
  ): Promise<{ napiModule: { exports: unknown } }>;
}
