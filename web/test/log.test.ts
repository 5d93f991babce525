import { describe, expect, it } from 'vitest';
import { ChannelLog } from '../src/lib/store/log.svelte';
import type { Message } from '../src/lib/types';

const message = (id: string, content = id): Message => ({
  id,
  channel_id: '1',
  author: { id: '9', username: 'ben' },
  content,
  timestamp: '2026-01-01T00:00:00Z',
  type: 0,
  mentions: [],
  mention_roles: [],
  attachments: [],
  embeds: [],
});

describe('what happens while a page is on its way', () => {
  it('is kept when nothing was loaded before', () => {
    const log = new ChannelLog();
    const journal = log.begin();
    log.add(message('12'));
    log.reset([message('10'), message('11')], false, false);
    log.settle(journal);
    expect(log.items.map((m) => m.id)).toEqual(['10', '11', '12']);
  });

  it('is done again over a page that is older', () => {
    const log = new ChannelLog();
    log.reset([message('10'), message('11')], false, false);
    const journal = log.begin();
    log.update('10', (m) => ({ ...m, content: 'edited' }));
    log.remove(new Set(['11']));
    log.reset([message('10'), message('11')], false, false);
    log.settle(journal);
    expect(log.items.map((m) => m.content)).toEqual(['edited']);
  });

  it('closes the gap behind a page that reaches the end', () => {
    const log = new ChannelLog();
    log.reset([message('10')], false, true);
    const journal = log.begin();
    log.add(message('12'));
    log.append([message('11')], false);
    log.settle(journal);
    expect(log.items.map((m) => m.id)).toEqual(['10', '11', '12']);
  });

  it('is counted once: the message is asked for again', () => {
    const log = new ChannelLog();
    log.reset([message('10')], false, false);
    const journal = log.begin();
    log.count('10', (m) => ({ ...m, reactions: [{ emoji: { id: null, name: '🎉' }, count: 1, me: false }] }));
    const page = { ...message('10'), reactions: [{ emoji: { id: null, name: '🎉' }, count: 1, me: false }] };
    log.reset([page], false, false);
    log.settle(journal);
    expect(log.find('10')?.reactions?.[0]?.count).toBe(1);
    expect([...journal.recounted]).toEqual(['10']);
  });

  it('is remembered within bounds', () => {
    const log = new ChannelLog();
    log.reset([message('10')], false, false);
    const journal = log.begin();
    for (let i = 0; i < 2100; i++) log.update('10', (m) => ({ ...m, content: String(i) }));
    log.settle(journal);
    expect(journal.changes).toHaveLength(2000);
    expect(log.stale).toBe(true);
  });
});
