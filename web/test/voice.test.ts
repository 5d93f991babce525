import { describe, expect, it } from 'vitest';
import { VoiceCore, VoiceOp, type VoiceInput, type VoiceOutput } from '../src/lib/voice/core';
import { answer, codecs, fragment, payloadTypes, ownSsrcs } from '../src/lib/voice/sdp';
import { levelOf, loudness } from '../src/lib/voice/loudness';

const identity = { server_id: '1', user_id: '2', session_id: 's', token: 't' };

function world() {
  const core = new VoiceCore(() => 0.5);
  let now = 0;
  const all: VoiceOutput[] = [];
  const handle = (input: VoiceInput) => {
    const out: VoiceOutput[] = [];
    core.handle(now, input, out);
    all.push(...out);
    return out;
  };
  const frame = (op: number, d: unknown, seq?: number) =>
    handle({ type: 'frame', text: JSON.stringify({ op, d, seq }) });
  const sent = (out: VoiceOutput[]) =>
    out.flatMap((o) => (o.type === 'send' ? [JSON.parse(o.text) as { op: number; d: Record<string, unknown> }] : []));
  const pass = (ms: number) => ((now += ms), handle({ type: 'tick' }));
  const greet = () => (handle({ type: 'opened' }), frame(VoiceOp.hello, { v: 8, heartbeat_interval: 10_000 }));
  const join = () => {
    handle({ type: 'start', identity, dave: 1 });
    greet();
    frame(VoiceOp.ready, { ssrc: 17, streams: [] });
  };
  return { core, handle, frame, sent, pass, greet, join, all };
}

describe('the voice gateway', () => {
  it('identifies after HELLO and says what READY has', () => {
    const w = world();
    expect(w.handle({ type: 'start', identity, dave: 1 })).toEqual([{ type: 'connect' }]);
    const [identify] = w.sent(w.greet());
    expect(identify).toMatchObject({ op: VoiceOp.identify, d: { ...identity, max_dave_protocol_version: 1 } });
    expect(w.frame(VoiceOp.ready, { ssrc: 17 })).toEqual([{ type: 'ready', ssrc: 17, streams: [] }]);
    expect(w.core.phase).toBe('ready');
  });

  it('beats with the last number, and takes a socket without answer for dead', () => {
    const w = world();
    w.join();
    w.frame(VoiceOp.speaking, { user_id: '3', ssrc: 33, speaking: 1 }, 4);
    const [beat] = w.sent(w.pass(5_000));
    expect(beat).toMatchObject({ op: VoiceOp.heartbeat, d: { seq_ack: 4 } });
    w.frame(VoiceOp.heartbeatAck, { t: 5_000 });
    w.pass(10_000);
    const late = w.pass(10_000);
    expect(late.map((o) => o.type)).toContain('cut');
    expect(w.core.phase).toBe('waiting');
  });

  it('resumes a session that was cut, at once, with what it has', () => {
    const w = world();
    w.join();
    w.frame(VoiceOp.clientsConnect, { user_ids: ['3'] }, 2);
    expect(w.handle({ type: 'closed', code: 1006 })).toEqual([{ type: 'cut' }]);
    expect(w.pass(0)).toEqual([{ type: 'connect' }]);
    const [resume] = w.sent(w.greet());
    expect(resume).toEqual({
      op: VoiceOp.resume,
      d: { server_id: '1', session_id: 's', token: 't', seq_ack: 2 },
    });
    expect(w.frame(VoiceOp.resumed, null)).toEqual([{ type: 'resumed' }]);
  });

  it('gives up a session that the server does not know any more', () => {
    for (const code of [4006, 4014, 4004]) {
      const w = world();
      w.join();
      expect(w.handle({ type: 'closed', code })).toEqual([{ type: 'lost', code }]);
      expect(w.core.nextDeadline()).toBeNull();
    }
  });

  it('waits longer and longer for a server that is away, and not for ever', () => {
    const w = world();
    w.join();
    let tries = 0;
    for (; tries < 20 && !w.all.some((o) => o.type === 'lost'); tries++) {
      w.handle({ type: 'closed', code: 1006 });
      if (w.core.phase === 'waiting') w.pass(10_000);
    }
    expect(tries).toBeLessThan(12);
  });

  it('passes over what is no frame, and says who is there no longer', () => {
    const w = world();
    w.join();
    expect(w.handle({ type: 'frame', text: '{' })).toEqual([]);
    expect(w.frame(99, {})).toEqual([]);
    expect(w.frame(VoiceOp.clientDisconnect, { user_id: '3' })).toEqual([{ type: 'gone', user: '3' }]);
    const shown = w.frame(VoiceOp.video, { user_id: '3', audio_ssrc: 33, video_ssrc: 34, streams: [] });
    expect(shown).toEqual([{ type: 'video', user: '3', audioSsrc: 33, ssrc: 34, rtx: 35 }]);
  });
});

const OFFER = [
  'v=0',
  'a=ice-options:trickle',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63',
  'c=IN IP4 0.0.0.0',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:0123456789012345678901',
  'a=fingerprint:sha-256 AB',
  'a=mid:0',
  'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
  'a=sendrecv',
  'a=rtpmap:111 opus/48000/2',
  'a=rtpmap:63 red/48000/2',
  'a=ssrc:5 cname:c',
  'a=ssrc:5 msid:m t',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111',
  'a=mid:1',
  'a=recvonly',
  '',
].join('\r\n');
const SERVER =
  'm=audio 7 ICE/SDP\nc=IN IP4 9.9.9.9\na=ice-ufrag:u\na=ice-pwd:p\na=fingerprint:sha-256 CD\na=candidate:1 1 UDP 1 9.9.9.9 7 typ host';

describe('descriptions', () => {
  const types = payloadTypes(OFFER)!;

  it('tells the server what it needs of an offer', () => {
    expect(types).toEqual({ opus: 111, vp8: null, rtx: null });
    const told = fragment(OFFER, types).split('\n');
    expect(told).toContain('a=ice-ufrag:abcd');
    expect(told).toContain('a=rtpmap:111 opus/48000/2');
    expect(told).not.toContain('a=rtpmap:63 red/48000/2');
    expect(codecs(types).map((c) => c.name)).toEqual(['opus']);
  });

  it('finds under what the browser sends', () => {
    expect(ownSsrcs(OFFER)).toEqual({ audio: 5, video: { ssrc: 0, rtx: 0 } });
    const video = 'm=video 9 x 96\r\na=ssrc-group:FID 7 8\r\na=ssrc:7 cname:c\r\na=ssrc:8 cname:c\r\n';
    expect(ownSsrcs(OFFER + video).video).toEqual({ ssrc: 7, rtx: 8 });
  });

  it('answers each section, with a stream where one is placed', () => {
    const slot = { mid: '1', kind: 'audio' as const, user: '3', ssrc: 33, rtx: 0 };
    const made = answer(OFFER, SERVER, types, [slot]);
    const [first, second] = made.split(/(?=^m=)/m).slice(1) as [string, string];
    expect(first).toContain('a=recvonly');
    expect(first).toContain('a=candidate:1 1 UDP 1 9.9.9.9 7 typ host');
    expect(first).toContain('a=setup:passive');
    expect(first).not.toContain('sdes:mid');
    expect(second).toContain('a=ssrc:33 cname:3-33');
    expect(second).toContain('a=sendonly');
    expect(made).toContain('a=group:BUNDLE 0 1');
    expect(answer(OFFER, SERVER, types, [{ ...slot, user: null }])).toContain('a=inactive');
  });
});

it('loudness and level are each the other way round', () => {
  for (const value of [0.1, 0.5, 1]) expect(loudness(levelOf(value))).toBeCloseTo(value);
  expect(loudness(0)).toBe(0);
});
