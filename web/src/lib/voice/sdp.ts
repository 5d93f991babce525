/**
 * Descriptions of a call. The server is told lines of the browser's offer and answers with lines of its own; the browser's side of both
 * descriptions is made here (userdoccers, "Voice Connections"; RFC 8829 for their form).
 */

/** A stream of somebody else, and the section (`mid`) of the description that it has. */
export interface Slot {
  mid: string;
  kind: 'audio' | 'video';
  /** Null for a section that is kept for the next to come. */
  user: string | null;
  ssrc: number;
  rtx: number;
  /** Whoever it is for shows nothing just now, and may go on. */
  rests?: boolean;
}

export interface PayloadTypes {
  opus: number;
  vp8: number | null;
  rtx: number | null;
}

/** What the own streams are sent under. */
export interface OwnSsrcs {
  audio: number;
  video: { ssrc: number; rtx: number };
}

const EXTENSIONS = /abs-send-time|transport-wide-cc/;

export const sections = (sdp: string): string[] => sdp.split(/(?=^m=)/m).slice(1);
const lines = (part: string): string[] => part.split(/\r?\n/).filter(Boolean);
const kindOf = (section: string) => (section.startsWith('m=video') ? 'video' : 'audio');

/** The browser's numbers for the codecs that are spoken. */
export function payloadTypes(sdp: string): PayloadTypes | null {
  const find = (name: string) => {
    const found = new RegExp(`^a=rtpmap:(\\d+) ${name}/`, 'im').exec(sdp);
    return found ? Number(found[1]) : null;
  };
  const opus = find('opus');
  const vp8 = find('VP8');
  if (opus === null) return null;
  const rtx = vp8 === null ? null : new RegExp(`^a=fmtp:(\\d+) apt=${vp8}\\s*$`, 'm').exec(sdp);
  return { opus, vp8, rtx: rtx ? Number(rtx[1]) : null };
}

/** What the server is told of an offer: not all of it. */
export function fragment(sdp: string, types: PayloadTypes): string {
  const own = [types.opus, types.vp8, types.rtx].filter((n) => n !== null).join('|');
  const wanted = new RegExp(`^a=(extmap-allow-mixed|ice-|fingerprint|extmap:|rtpmap:(${own}) )`);
  return [...new Set(lines(sdp).filter((line) => wanted.test(line)))].join('\n');
}

/** The codecs of an offer, as SELECT_PROTOCOL has them. */
export function codecs({ opus, vp8, rtx }: PayloadTypes) {
  const audio = { name: 'opus', type: 'audio', priority: 1000, payload_type: opus, rtx_payload_type: null };
  if (vp8 === null) return [audio];
  const video = { name: 'VP8', type: 'video', priority: 1000, payload_type: vp8, rtx_payload_type: rtx };
  return [audio, { ...video, encode: true, decode: true }];
}

/** What the browser has chosen to send its own streams under: those of the first section of each kind. */
export function ownSsrcs(sdp: string): OwnSsrcs {
  const of = (kind: string) => sections(sdp).find((section) => kindOf(section) === kind) ?? '';
  const first = (section: string) => Number(/^a=ssrc:(\d+) /m.exec(section)?.[1] ?? 0);
  const video = of('video');
  const pair = /^a=ssrc-group:FID (\d+) (\d+)/m.exec(video);
  return {
    audio: first(of('audio')),
    video: pair ? { ssrc: Number(pair[1]), rtx: Number(pair[2]) } : { ssrc: first(video), rtx: 0 },
  };
}

/** The answer to an offer that the browser has set: the server's lines in each section, and a stream where one is placed. */
export function answer(offer: string, server: string, types: PayloadTypes, slots: readonly Slot[]): string {
  const from = lines(server).map((line) => line.trim());
  const get = (prefix: string) => [...new Set(from.filter((line) => line.startsWith(prefix)))];
  const transport = [
    ...(get('c=').length ? get('c=') : ['c=IN IP4 127.0.0.1']),
    'a=rtcp:9 IN IP4 0.0.0.0',
    ...['a=ice-ufrag:', 'a=ice-pwd:', 'a=fingerprint:', 'a=candidate:'].flatMap(get),
    'a=setup:passive',
    'a=rtcp-mux',
  ];
  const mids: string[] = [];
  const body = sections(offer).map((section) => {
    const kind = kindOf(section);
    const mid = /a=mid:(\S+)/.exec(section)?.[1] ?? '';
    mids.push(mid);
    const out = kind === 'audio' ? audioHead(types) : videoHead(types);
    out.splice(1, 0, ...transport, `a=mid:${mid}`);
    out.push(...lines(section).filter((line) => line.startsWith('a=extmap:') && EXTENSIONS.test(line)));
    const slot = slots.find((s) => s.mid === mid);
    if (slot) out.push(...placed(slot));
    else out.push(/^a=(sendrecv|sendonly)/m.test(section) ? 'a=recvonly' : 'a=inactive');
    return out.join('\r\n');
  });
  const head = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=ice-lite', 'a=msid-semantic: WMS *'];
  return `${[...head, `a=group:BUNDLE ${mids.join(' ')}`, ...body].join('\r\n')}\r\n`;
}

/** Opus that falls silent sends next to nothing. */
const audioHead = ({ opus }: PayloadTypes) => [
  `m=audio 9 UDP/TLS/RTP/SAVPF ${opus}`,
  `a=rtpmap:${opus} opus/48000/2`,
  `a=fmtp:${opus} minptime=10;useinbandfec=1;usedtx=1`,
  `a=rtcp-fb:${opus} transport-cc`,
];

function videoHead({ vp8, rtx }: PayloadTypes): string[] {
  const out = [`m=video 9 UDP/TLS/RTP/SAVPF ${[vp8, rtx].filter((n) => n !== null).join(' ')}`];
  out.push(`a=rtpmap:${vp8} VP8/90000`);
  for (const what of ['ccm fir', 'nack', 'nack pli', 'goog-remb', 'transport-cc']) out.push(`a=rtcp-fb:${vp8} ${what}`);
  if (rtx !== null) out.push(`a=rtpmap:${rtx} rtx/90000`, `a=fmtp:${rtx} apt=${vp8}`);
  return out;
}

function placed({ user, kind, ssrc, rtx }: Slot): string[] {
  if (user === null) return ['a=inactive'];
  const id = `${user}-${ssrc}`;
  const out = [`a=msid:${id} ${kind[0]}${id}`, 'a=sendonly'];
  if (kind === 'video') out.push(`a=ssrc-group:FID ${ssrc} ${rtx}`);
  for (const each of kind === 'video' ? [ssrc, rtx] : [ssrc]) out.push(`a=ssrc:${each} cname:${id}`);
  return out;
}
