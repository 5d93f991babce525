import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { DaveCore, DaveOp, type DaveOutput, type GroupSession } from '../src/lib/voice/dave/core';
import { instantiate, unshare } from '../src/lib/voice/dave/davey';

const davey = () =>
  new Uint8Array(
    readFileSync(createRequire(import.meta.url).resolve('@snazzah/davey-wasm32-wasi/davey.wasm32-wasi.wasm')),
  );
const bytes = (...values: number[]) => new Uint8Array(values);
const SEALED = [0xfa, 0xfa];

/** A group that seals by appending the mark, and knows whom it was told to let in. */
class FakeGroup implements GroupSession {
  ready = false;
  epoch: bigint | null = null;
  voicePrivacyCode = '12345';
  begun = 1;
  senders = 0;
  broken = false;
  reinit() {
    this.begun += 1;
    this.ready = false;
  }
  setExternalSender() {
    this.senders += 1;
  }
  getSerializedKeyPackage = () => bytes(1, 2, 3);
  processProposals = (kind: number) => (kind === 0 ? { commit: bytes(7), welcome: bytes(8) } : {});
  processWelcome() {
    this.#enter();
  }
  processCommit() {
    this.#enter();
  }
  #enter() {
    if (this.broken) throw new Error('not for this group');
    this.ready = true;
  }
  getUserIds = () => ['1', '2'];
  getVerificationCode = () => Promise.resolve('9');
  encrypt = (_media: number, _codec: number, frame: Uint8Array) => bytes(...frame, ...SEALED);
  decrypt(_user: string, _media: number, frame: Uint8Array) {
    if (this.broken) throw new Error('cannot be opened');
    return frame.subarray(0, -2);
  }
}

function world(version: number) {
  const group = new FakeGroup();
  const core = new DaveCore(() => group, '1', '9');
  core.came(['2']);
  core.described(version, false);
  const told = () => core.take().map((o: DaveOutput) => (o.type === 'bytes' ? [o.op, [...o.bytes]] : [o.op, o.d]));
  const seal = () => core.seal('audio', 1, bytes(5, 6));
  const open = (...frame: number[]) => core.open('2', 'audio', bytes(...frame), now.ms);
  const now = { ms: 0 };
  return { core, group, told, seal, open, now };
}

describe('encryption from end to end', () => {
  it('sends a key package, commits to what is proposed, and sends nothing until the group has keys', () => {
    const { core, told, seal, open } = world(1);
    expect(told()).toEqual([[DaveOp.keyPackage, [1, 2, 3]]]);
    expect(seal()).toBeNull();
    expect(open(5, 6)).toBeNull();
    core.heard(DaveOp.externalSender, bytes(4), 0);
    core.heard(DaveOp.proposals, bytes(0, 1), 0);
    expect(told()).toEqual([[DaveOp.commitWelcome, [7, 8]]]);
    core.heard(DaveOp.announceCommit, bytes(0, 0, 7), 0);
    expect(told()).toEqual([]);
    expect(seal()).toEqual(bytes(5, 6, ...SEALED));
    expect(open(5, 6, ...SEALED)).toEqual(bytes(5, 6));
    expect(open(5, 6)).toBeNull();
    expect(core.status()).toMatchObject({ version: 1, ready: true, code: '12345', members: ['1', '2'] });
  });

  it('leaves the silence of Opus as it is', () => {
    const { core, open } = world(1);
    expect(core.seal('audio', 1, bytes(0xf8, 0xff, 0xfe))).toEqual(bytes(0xf8, 0xff, 0xfe));
    expect(open(0xf8, 0xff, 0xfe)).toEqual(bytes(0xf8, 0xff, 0xfe));
  });

  it('falls back when all are told to, and takes both kinds of frames until then', () => {
    const { core, told, seal, open, group } = world(1);
    group.ready = true;
    told();
    core.said(DaveOp.prepareTransition, { transition_id: 5, protocol_version: 0 }, 0);
    expect(told()).toEqual([[DaveOp.transitionReady, { transition_id: 5 }]]);
    expect(seal()).toEqual(bytes(5, 6, ...SEALED));
    expect(open(5, 6)).toEqual(bytes(5, 6));
    core.said(DaveOp.executeTransition, { transition_id: 4 }, 0);
    expect(core.status().version).toBe(1);
    core.said(DaveOp.executeTransition, { transition_id: 5 }, 0);
    expect(seal()).toEqual(bytes(5, 6));
    expect(core.status().version).toBe(0);
  });

  it('goes up to encryption in a group of its own, and not before all are ready', () => {
    const { core, told, seal, open, now } = world(0);
    expect(told()).toEqual([]);
    expect(seal()).toEqual(bytes(5, 6));
    core.said(DaveOp.prepareEpoch, { protocol_version: 1, epoch: 1 }, 0);
    core.heard(DaveOp.externalSender, bytes(4), 0);
    expect(told()).toEqual([[DaveOp.keyPackage, [1, 2, 3]]]);
    core.heard(DaveOp.welcome, bytes(0, 6, 8), 0);
    expect(told()).toEqual([[DaveOp.transitionReady, { transition_id: 6 }]]);
    expect(seal()).toEqual(bytes(5, 6));
    expect(open(5, 6, ...SEALED)).toEqual(bytes(5, 6));
    core.said(DaveOp.executeTransition, { transition_id: 6 }, 0);
    expect(seal()).toEqual(bytes(5, 6, ...SEALED));
    // What was on its way in clear is taken for ten seconds.
    expect(open(5, 6)).toEqual(bytes(5, 6));
    now.ms = 10_000;
    expect(open(5, 6)).toBeNull();
  });

  it('says so when it cannot follow, and enters the group anew', () => {
    const { core, told, group, seal } = world(1);
    told();
    group.broken = true;
    core.heard(DaveOp.welcome, bytes(0, 3, 8), 0);
    expect(told()).toEqual([
      [DaveOp.invalidCommitWelcome, { transition_id: 3 }],
      [DaveOp.keyPackage, [1, 2, 3]],
    ]);
    expect(group.begun).toBe(2);
    expect(seal()).toBeNull();
  });

  it('enters the group anew when nothing of somebody can be opened, and not for ever', () => {
    const { told, group, open } = world(1);
    told();
    group.broken = true;
    let anew = 0;
    for (let i = 0; i < 1_000; i += 1) {
      group.ready = true;
      expect(open(5, 6, ...SEALED)).toBeNull();
      anew += told().filter(([op]) => op === DaveOp.invalidCommitWelcome).length;
    }
    expect(anew).toBe(3);
  });

  it('keeps its group when the peer connection is made anew', () => {
    const { core, told, group } = world(1);
    told();
    group.ready = true;
    core.described(1, true);
    expect(told()).toEqual([]);
    expect(group.begun).toBe(1);
  });
});

describe('davey in a page', () => {
  it('runs with a memory that no threads share', async () => {
    const { DAVESession } = await instantiate(davey());
    const session = new DAVESession(1, '158049329150427136', '927310423890473011');
    expect(session.ready).toBe(false);
    const [first, second] = [session.getSerializedKeyPackage(), session.getSerializedKeyPackage()];
    expect(first.length).toBeGreaterThan(200);
    expect(first).not.toEqual(second);
  });

  it('is not made of what ends too early', () => {
    expect(() => unshare(davey().subarray(0, 600))).toThrow('ends too early');
    expect(() => unshare(bytes(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))).toThrow('without a memory');
  });
});
