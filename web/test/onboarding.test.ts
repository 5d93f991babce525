import { describe, expect, it } from 'vitest';
import {
  answersHeld,
  channelsAfter,
  channelsGiven,
  isAsked,
  lacking,
  pressed,
  promptsFor,
  sentPrompt,
  unanswered,
} from '../src/lib/onboarding';
import { chooses, choiceOf, chosenChannels } from '../src/lib/store/chosen';
import type { GuildSettings } from '../src/lib/store/notify';
import type { Member, Onboarding, OnboardingPrompt } from '../src/lib/types';

const option = (id: string, role_ids: string[], channel_ids: string[]) => ({ id, title: id, role_ids, channel_ids });
const prompt = (id: string, options: OnboardingPrompt['options'], rest: Partial<OnboardingPrompt> = {}) => ({
  id,
  type: 0,
  title: id,
  options,
  single_select: false,
  required: false,
  in_onboarding: true,
  ...rest,
});
const strings = prompt('strings', [option('violin', ['r1'], ['c1']), option('cello', ['r2'], [])], {
  single_select: true,
  required: true,
});
const news = prompt('news', [option('letters', [], ['c2'])], { in_onboarding: false });
const onboarding: Onboarding = { prompts: [strings, news], default_channel_ids: ['c0'], enabled: true, mode: 0 };
const settings = (flags: number, overrides: GuildSettings['channel_overrides']): GuildSettings => ({
  guild_id: '1',
  message_notifications: 3,
  muted: false,
  mute_config: null,
  suppress_everyone: false,
  suppress_roles: false,
  flags,
  channel_overrides: overrides,
});

describe('questions to newcomers', () => {
  it('are asked until those that need it are answered', () => {
    const member = (flags: number) => ({ user_id: '1', roles: [], flags }) as Member;
    const guild = { features: ['GUILD_ONBOARDING_HAS_PROMPTS'] };
    expect(isAsked(guild, member(0))).toBe(true);
    expect(isAsked(guild, member(1 << 1))).toBe(false);
    expect(isAsked({ features: [] }, member(0))).toBe(false);
    expect(isAsked(guild, undefined)).toBe(false);
  });

  it('are few before somebody begins, and all later', () => {
    expect(promptsFor(onboarding, true)).toEqual([strings]);
    expect(promptsFor(onboarding, false)).toEqual([strings, news]);
  });

  it('take one answer where only one may be given', () => {
    expect([...pressed(strings, new Set(['violin', 'letters']), 'cello')]).toEqual(['letters', 'cello']);
    expect([...pressed(strings, new Set(['cello']), 'cello')]).toEqual([]);
    expect(unanswered([strings, news], new Set(['letters']))).toEqual([strings]);
  });

  it('know their answers again by what they gave', () => {
    expect([...answersHeld(onboarding, ['r1'], new Set(['c1']))]).toEqual(['violin']);
    expect([...answersHeld(onboarding, ['r1'], new Set())]).toEqual([]);
  });

  it('give channels, and leave those that were chosen otherwise', () => {
    expect([...channelsGiven(onboarding, new Set(['violin']))]).toEqual(['c0', 'c1']);
    const after = (before: string[], answers: string[], listed: string[]) => [
      ...channelsAfter(onboarding, new Set(before), new Set(answers), new Set(listed)),
    ];
    expect(after(['violin'], ['letters'], ['c0', 'c1', 'c9'])).toEqual(['c0', 'c9', 'c2']);
    expect(after(['violin'], ['violin'], ['c9'])).toEqual(['c9']);
  });

  it('say what they lack before they can be asked', () => {
    expect(lacking(strings)).toBeNull();
    expect(lacking({ ...strings, title: ' ' })).toMatch(/words/);
    expect(lacking({ ...strings, options: [option('tuba', [], [])] })).toMatch(/tuba/);
    expect(lacking({ ...strings, options: [] })).toMatch(/answer/);
  });

  it('are sent with the parts of their emoji', () => {
    const emoji = { id: null, name: '🎻' };
    const sent = sentPrompt({ ...strings, options: [{ ...option('violin', ['r1'], []), emoji }] });
    expect(sent.options).toMatchObject([{ emoji_id: null, emoji_name: '🎻', role_ids: ['r1'] }]);
  });
});

describe('the channels in the list', () => {
  it('are all until somebody chooses', () => {
    expect(chooses(settings(0, []))).toBe(false);
    expect(chooses(settings(1 << 14, []))).toBe(true);
  });

  it('are kept beside other settings of a channel', () => {
    const before = settings(1, [{ channel_id: 'c1', flags: (1 << 12) | 1 }]);
    expect([...chosenChannels(before)]).toEqual(['c1']);
    expect(choiceOf(before, new Set(['c2']))).toEqual({
      flags: (1 << 14) | 1,
      channel_overrides: { c1: { flags: 1 }, c2: { flags: 1 << 12 } },
    });
    expect(choiceOf(settings((1 << 14) | 1, []), null)).toEqual({ flags: 1 });
  });
});
