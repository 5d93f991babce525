/** What davey gives and takes are `Buffer`s, which browsers do not have: arrays of bytes, and three functions to make and to know them. */
class Bytes extends Uint8Array {
  static alloc = (length: number) => new Bytes(length);
  static isBuffer = (value: unknown) => value instanceof Uint8Array;
  static override from = ((bytes: ArrayBuffer, at?: number, length?: number) =>
    new Bytes(bytes, at, length)) as unknown as typeof Uint8Array.from;
}

(globalThis as { Buffer?: unknown }).Buffer ??= Bytes;
