/** The thread in which frames are sealed and opened, and which has the keys for it. */
import module from '@snazzah/davey-wasm32-wasi/davey.wasm32-wasi.wasm?url';
import { DaveCore, type Kind } from './core';
import { instantiate } from './davey';
import type { FromWorker, ToWorker, TransformOptions } from './messages';

/** A frame between an encoder and packets (W3C, "WebRTC Encoded Transform"). */
interface EncodedFrame {
  data: ArrayBuffer;
  getMetadata(): { mimeType?: string };
}
interface TransformEvent extends Event {
  transformer: {
    readable: ReadableStream<EncodedFrame>;
    writable: WritableStream<EncodedFrame>;
    options: TransformOptions;
  };
}

/** davey's numbers of codecs, by the ends of media types; calls of this client speak Opus and VP8. */
const CODECS: Record<string, number> = { opus: 1, vp8: 2, vp9: 3, h264: 4, h265: 5, av1: 6 };
const USUAL: Record<Kind, string> = { audio: 'opus', video: 'vp8' };

let core: DaveCore | null = null;
let shown = '';

const post = (message: FromWorker) => postMessage(message);

/** Passes on what has come of something, and how things stand if that is new. */
function flush(): void {
  if (!core) return;
  for (const output of core.take()) {
    // A view of davey's own memory cannot be given away.
    if (output.type === 'bytes') post({ ...output, bytes: new Uint8Array(output.bytes) });
    else post(output);
  }
  const status = core.status();
  const now = JSON.stringify(status);
  if (now === shown) return;
  shown = now;
  post({ type: 'status', status });
}

const davey = fetch(module).then(async (answer) => {
  if (!answer.ok) throw new Error(`davey: ${answer.status}`);
  return instantiate(new Uint8Array(await answer.arrayBuffer()));
});
davey.then(
  () => post({ type: 'loaded' }),
  (error: unknown) => post({ type: 'failed', why: String(error) }),
);

async function take(message: ToWorker): Promise<void> {
  if (message.type === 'begin') {
    const { DAVESession } = await davey;
    core = new DaveCore(
      (version, user, channel) => new DAVESession(version, user, channel),
      message.user,
      message.channel,
    );
    return;
  }
  if (!core) return;
  if (message.type === 'code') {
    const code = await core.codeWith(message.user).catch(() => '');
    return post({ type: 'code', user: message.user, code });
  }
  const now = performance.now();
  if (message.type === 'described') core.described(message.version, message.again);
  else if (message.type === 'said') core.said(message.op, message.d, now);
  else if (message.type === 'heard') core.heard(message.op, message.bytes, now);
  else if (message.type === 'came') core.came(message.users);
  else core.went(message.user);
  flush();
}

let order: Promise<void> = davey.then(
  () => {},
  () => {},
);
addEventListener('message', (e: MessageEvent<ToWorker>) => {
  // The first waits for davey; nothing may overtake it.
  order = order.then(() => take(e.data)).catch((error: unknown) => post({ type: 'failed', why: String(error) }));
});

function work(options: TransformOptions, frame: EncodedFrame): Uint8Array | null {
  if (!core) return null;
  const bytes = new Uint8Array(frame.data);
  if (options.user !== null) return core.open(options.user, options.kind, bytes, performance.now());
  const name = frame.getMetadata().mimeType?.split('/')[1]?.toLowerCase() ?? USUAL[options.kind];
  return core.seal(options.kind, CODECS[name] ?? 0, bytes);
}

addEventListener('rtctransform', (event) => {
  const { readable, writable, options } = (event as TransformEvent).transformer;
  const through = new TransformStream<EncodedFrame, EncodedFrame>({
    transform(frame, controller) {
      try {
        const done = work(options, frame);
        if (core?.hasNews) flush();
        if (!done) return;
        // What davey gives is a view of its memory.
        if (done.buffer !== frame.data) frame.data = new Uint8Array(done).buffer;
      } catch {
        // An error would end the stream for good; one frame less is not heard.
        return;
      }
      controller.enqueue(frame);
    },
  });
  // It ends with the connection that it belongs to.
  void readable
    .pipeThrough(through)
    .pipeTo(writable)
    .catch(() => {});
});
