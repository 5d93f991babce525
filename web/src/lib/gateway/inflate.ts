/**
 * The gateway's compressed stream (`compress=zlib-stream`; Discord developer docs, "Transport Compression"): one zlib stream for
 * the whole connection, each payload ended by a flush.
 */
import { Unzlib } from 'fflate';

/** What ends a payload (RFC 1951: an empty stored block, by which a flush ends on a byte). */
const SUFFIX = [0x00, 0x00, 0xff, 0xff];
/** Larger payloads are no payloads of a gateway. */
const PAYLOAD_BYTES_MAX = 64 * 1024 * 1024;

export class Inflater {
  readonly #decoder = new TextDecoder();
  readonly #stream: Unzlib;
  #text: string[] = [];
  #bytes = 0;

  constructor() {
    this.#stream = new Unzlib((part) => {
      this.#bytes += part.length;
      if (this.#bytes > PAYLOAD_BYTES_MAX) throw new RangeError('a payload is too large');
      this.#text.push(this.#decoder.decode(part, { stream: true }));
    });
  }

  /** Takes what came in one frame. Gives the payload that it ends, or null. Throws on what is no stream. */
  push(frame: Uint8Array): string | null {
    this.#stream.push(frame);
    if (!SUFFIX.every((byte, i) => frame[frame.length - SUFFIX.length + i] === byte)) return null;
    const text = this.#text.join('');
    this.#text = [];
    this.#bytes = 0;
    return text;
  }
}
