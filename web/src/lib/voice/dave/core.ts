/**
 * Encryption from end to end (DAVE, version 1: discord/dave-protocol, whitepaper 1.1.4) without I/O: what the voice gateway says goes
 * in, what it is to be told comes out, and frames are sealed and opened in between. The group itself is davey's.
 *
 * Two versions matter. One is in force: under it frames are sent, and 0 means in clear. The other is that of the group, which may be
 * made while the one in force is still another. Nothing is sent in clear while a version above 0 is in force: who has no keys yet is
 * silent.
 */

/** Opcodes of the voice gateway that are about it. */
export const DaveOp = {
  prepareTransition: 21,
  executeTransition: 22,
  transitionReady: 23,
  prepareEpoch: 24,
  externalSender: 25,
  keyPackage: 26,
  proposals: 27,
  commitWelcome: 28,
  announceCommit: 29,
  welcome: 30,
  invalidCommitWelcome: 31,
} as const;

/** The newest version that is spoken. */
export const DAVE_VERSION = 1;
/** How long frames in clear may still be on their way once all encrypt. */
const LATE_MS = 10_000;
/** Frames of one person that cannot be opened, one after the other, until the group is entered anew: two seconds of voice. */
const FAILURES_MAX = 100;
/** So often is that done for one person of whom nothing can be opened: they may send nonsense. */
const RECOVERIES_MAX = 3;
/** What sealed frames end in, and the silence of Opus, which is never sealed (whitepaper, "Payload Format", "Silence Packets"). */
const MARK = 0xfa;
const SILENCE = [0xf8, 0xff, 0xfe];

export type Kind = 'audio' | 'video';

/** The part of davey's session that is used. */
export interface GroupSession {
  readonly ready: boolean;
  readonly epoch: bigint | null;
  readonly voicePrivacyCode: string;
  reinit(version: number, user: string, channel: string): void;
  setExternalSender(sender: Uint8Array): void;
  getSerializedKeyPackage(): Uint8Array;
  processProposals(
    kind: number,
    proposals: Uint8Array,
    recognized: string[],
  ): { commit?: Uint8Array; welcome?: Uint8Array };
  processWelcome(welcome: Uint8Array): void;
  processCommit(commit: Uint8Array): void;
  getUserIds(): string[];
  getVerificationCode(user: string): Promise<string>;
  encrypt(media: number, codec: number, frame: Uint8Array): Uint8Array;
  decrypt(user: string, media: number, frame: Uint8Array): Uint8Array;
}

/** How things stand, as a person is shown. */
export interface DaveStatus {
  /** The version in force; 0 for no encryption from end to end. */
  version: number;
  /** The group has keys. */
  ready: boolean;
  /** Thirty digits which everybody in the group sees alike; empty without a group. */
  code: string;
  /** Who is in the group. */
  members: string[];
}

export type DaveOutput = { type: 'bytes'; op: number; bytes: Uint8Array } | { type: 'json'; op: number; d: unknown };

interface Pending {
  id: number;
  version: number;
}

const concat = (...parts: Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};
const isSilence = (frame: Uint8Array) => frame.length === 3 && SILENCE.every((byte, i) => frame[i] === byte);
const isSealed = (frame: Uint8Array) => frame.at(-1) === MARK && frame.at(-2) === MARK;
const mediaOf = (kind: Kind) => (kind === 'audio' ? 0 : 1);
const number = (value: unknown) => (typeof value === 'number' ? value : 0);

export class DaveCore {
  #group: GroupSession | null = null;
  #sender: Uint8Array | null = null;
  /** The version of the group. */
  #spoken = 0;
  #inForce = 0;
  #pending: Pending | null = null;
  #lastTransition = 0;
  #clearUntilMs = 0;
  readonly #here = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #recoveries = new Map<string, number>();
  #out: DaveOutput[] = [];

  constructor(
    private readonly make: (version: number, user: string, channel: string) => GroupSession,
    private readonly user: string,
    private readonly channel: string,
  ) {}

  /** Whether there is something to tell the gateway. */
  get hasNews(): boolean {
    return this.#out.length > 0;
  }

  /** What the gateway is to be told since this was last asked. */
  take(): DaveOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  status(): DaveStatus {
    const group = this.#spoken ? this.#group : null;
    const ready = group?.ready ?? false;
    return {
      version: this.#inForce,
      ready,
      code: ready ? group!.voicePrivacyCode : '',
      members: ready ? group!.getUserIds() : [],
    };
  }

  /** Forty-five digits that oneself and somebody of the group see alike, if both have the keys they claim. */
  async codeWith(user: string): Promise<string> {
    return (await this.#group?.getVerificationCode(user)) ?? '';
  }

  /** Who is there besides oneself. */
  came(users: readonly string[]): void {
    for (const user of users) this.#here.add(user);
  }

  went(user: string): void {
    this.#here.delete(user);
    this.#failures.delete(user);
    this.#recoveries.delete(user);
  }

  /** SESSION_DESCRIPTION names the version. One that comes again, to a peer connection made anew, changes nothing. */
  described(version: number, again: boolean): void {
    if (again) return;
    this.#inForce = version;
    this.#begin(version);
  }

  /** A message in JSON. */
  said(op: number, d: Record<string, unknown>, nowMs: number): void {
    switch (op) {
      case DaveOp.prepareTransition:
        this.#pending = { id: number(d.transition_id), version: number(d.protocol_version) };
        if (this.#pending.id === 0) this.#execute(0, nowMs);
        else this.#ready(this.#pending.id);
        break;
      case DaveOp.executeTransition:
        this.#execute(number(d.transition_id), nowMs);
        break;
      case DaveOp.prepareEpoch:
        // Later epochs are those of commits.
        if (number(d.epoch) === 1) this.#begin(number(d.protocol_version));
        break;
    }
  }

  /** A binary message. */
  heard(op: number, payload: Uint8Array, nowMs: number): void {
    switch (op) {
      case DaveOp.externalSender:
        this.#sender = payload;
        this.#introduce();
        break;
      case DaveOp.proposals:
        this.#propose(payload);
        break;
      case DaveOp.announceCommit:
        this.#follow(payload, nowMs, (group, commit) => group.processCommit(commit));
        break;
      case DaveOp.welcome:
        this.#follow(payload, nowMs, (group, welcome) => group.processWelcome(welcome));
        break;
    }
  }

  /** Makes a frame of one's own ready to be sent; null when it must not be. */
  seal(kind: Kind, codec: number, frame: Uint8Array): Uint8Array | null {
    if (this.#inForce === 0 || (kind === 'audio' && isSilence(frame))) return frame;
    if (!this.#group?.ready) return null;
    try {
      return this.#group.encrypt(mediaOf(kind), codec, frame);
    } catch {
      // Such as a frame of a codec in a form that davey does not know.
      return null;
    }
  }

  /** Opens a frame of somebody; null when it cannot be, or must not be shown. */
  open(user: string, kind: Kind, frame: Uint8Array, nowMs: number): Uint8Array | null {
    if (kind === 'audio' && isSilence(frame)) return frame;
    if (!isSealed(frame)) return this.#takesClear(nowMs) ? frame : null;
    if (!this.#group?.ready) return null;
    try {
      const opened = this.#group.decrypt(user, mediaOf(kind), frame);
      this.#failures.delete(user);
      this.#recoveries.delete(user);
      return opened;
    } catch {
      this.#failed(user);
      return null;
    }
  }

  #takesClear(nowMs: number): boolean {
    return this.#inForce === 0 || this.#pending?.version === 0 || nowMs < this.#clearUntilMs;
  }

  /** Has a group of a version, with oneself alone in it until others commit. */
  #begin(version: number): void {
    this.#spoken = version;
    this.#failures.clear();
    if (version === 0) return;
    if (this.#group) this.#group.reinit(version, this.user, this.channel);
    else {
      this.#group = this.make(version, this.user, this.channel);
      this.#introduce();
    }
    this.#out.push({ type: 'bytes', op: DaveOp.keyPackage, bytes: this.#group.getSerializedKeyPackage() });
  }

  #introduce(): void {
    if (!this.#sender) return;
    try {
      this.#group?.setExternalSender(this.#sender);
    } catch {
      // It is said again to a group that has one.
    }
  }

  #propose(payload: Uint8Array): void {
    if (!this.#group || !this.#spoken) return;
    try {
      const recognized = [...this.#here, this.user];
      const { commit, welcome } = this.#group.processProposals(payload[0] ?? 0, payload.subarray(1), recognized);
      if (commit)
        this.#out.push({
          type: 'bytes',
          op: DaveOp.commitWelcome,
          bytes: welcome ? concat(commit, welcome) : commit.slice(),
        });
    } catch {
      this.#recover(this.#lastTransition);
    }
  }

  /** Another epoch: who cannot follow says so, and enters the group anew. */
  #follow(payload: Uint8Array, nowMs: number, act: (group: GroupSession, bytes: Uint8Array) => void): void {
    if (payload.length < 2) return;
    const id = (payload[0]! << 8) | payload[1]!;
    try {
      if (!this.#group || !this.#spoken) throw new Error('there is no group');
      act(this.#group, payload.subarray(2));
    } catch {
      this.#recover(id);
      return;
    }
    this.#failures.clear();
    this.#pending = { id, version: this.#spoken };
    if (id === 0) this.#execute(0, nowMs);
    else this.#ready(id);
  }

  #ready(id: number): void {
    this.#out.push({ type: 'json', op: DaveOp.transitionReady, d: { transition_id: id } });
  }

  #execute(id: number, nowMs: number): void {
    if (this.#pending?.id !== id) return;
    const { version } = this.#pending;
    this.#pending = null;
    this.#lastTransition = id;
    if (this.#inForce === 0 && version > 0) this.#clearUntilMs = nowMs + LATE_MS;
    this.#inForce = version;
  }

  #recover(transition: number): void {
    this.#out.push({ type: 'json', op: DaveOp.invalidCommitWelcome, d: { transition_id: transition } });
    this.#begin(this.#spoken || DAVE_VERSION);
  }

  #failed(user: string): void {
    if (this.#pending || !this.#here.has(user)) return;
    const failures = (this.#failures.get(user) ?? 0) + 1;
    this.#failures.set(user, failures);
    const recoveries = this.#recoveries.get(user) ?? 0;
    if (failures < FAILURES_MAX || recoveries >= RECOVERIES_MAX) return;
    this.#recoveries.set(user, recoveries + 1);
    this.#recover(this.#lastTransition);
  }
}
