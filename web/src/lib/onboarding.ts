/** Questions of a community to its members: what was answered, what is missing, what answers give. */
import type { Id, Member, Onboarding, OnboardingPrompt } from './types';

/** Features that tell of questions (Discord developer docs, "Guild Features"; the second is only seen there). */
const ON = 'GUILD_ONBOARDING';
const HAS_PROMPTS = 'GUILD_ONBOARDING_HAS_PROMPTS';
/** The member has answered what has to be answered (Discord developer docs, "Guild Member Flags"). */
const COMPLETED = 1 << 1;

type WithFeatures = { features?: string[] };

export const isOnboarding = (guild: WithFeatures): boolean => guild.features?.includes(ON) ?? false;

/** Whether the community still waits for answers of a member. */
export function isAsked(guild: WithFeatures, member: Member | undefined): boolean {
  return !!member && ((member.flags ?? 0) & COMPLETED) === 0 && (guild.features?.includes(HAS_PROMPTS) ?? false);
}

/** The questions that newcomers see first; members see all of them. */
export const promptsFor = (onboarding: Onboarding, newcomer: boolean): OnboardingPrompt[] =>
  onboarding.prompts.filter((p) => p.in_onboarding || !newcomer);

/** The answers that hold for somebody: all that they give is theirs. */
export function answersHeld(onboarding: Onboarding, roles: readonly Id[], channels: ReadonlySet<Id>): Set<Id> {
  const held = onboarding.prompts
    .flatMap((p) => p.options)
    .filter((o) => o.role_ids.every((r) => roles.includes(r)) && o.channel_ids.every((c) => channels.has(c)));
  return new Set(held.map((o) => o.id));
}

/** The answers after one was pressed: of a question with one answer it takes the place of the other. */
export function pressed(prompt: OnboardingPrompt, chosen: ReadonlySet<Id>, option: Id): Set<Id> {
  const next = new Set(chosen);
  if (next.delete(option)) return next;
  if (prompt.single_select) for (const o of prompt.options) next.delete(o.id);
  return next.add(option);
}

/** Questions that have to be answered and are not. */
export const unanswered = (prompts: OnboardingPrompt[], chosen: ReadonlySet<Id>): OnboardingPrompt[] =>
  prompts.filter((p) => p.required && !p.options.some((o) => chosen.has(o.id)));

const channelsOf = (onboarding: Onboarding, answers: ReadonlySet<Id>): Id[] =>
  onboarding.prompts
    .flatMap((p) => p.options)
    .filter((o) => answers.has(o.id))
    .flatMap((o) => o.channel_ids);

/** The channels a newcomer begins with: those of everyone, and those of the answers. */
export const channelsGiven = (onboarding: Onboarding, answers: ReadonlySet<Id>): Set<Id> =>
  new Set([...onboarding.default_channel_ids, ...channelsOf(onboarding, answers)]);

/** The channels in a list after the answers were changed: what new answers give comes, what only dropped ones gave goes. */
export function channelsAfter(
  onboarding: Onboarding,
  before: ReadonlySet<Id>,
  answers: ReadonlySet<Id>,
  listed: ReadonlySet<Id>,
): Set<Id> {
  const without = (a: ReadonlySet<Id>, b: ReadonlySet<Id>) => new Set([...a].filter((id) => !b.has(id)));
  const given = new Set(channelsOf(onboarding, answers));
  const gone = new Set(channelsOf(onboarding, without(before, answers)).filter((id) => !given.has(id)));
  return new Set([...without(listed, gone), ...channelsOf(onboarding, without(answers, before))]);
}

/** A question as it is sent: emoji by their parts (Discord developer docs, "Modify Guild Onboarding"). */
export function sentPrompt(prompt: OnboardingPrompt): Record<string, unknown> {
  const options = prompt.options.map(({ emoji, ...option }) => ({
    ...option,
    title: option.title.trim(),
    description: option.description?.trim() || null,
    emoji_id: emoji?.id ?? null,
    emoji_name: emoji?.name ?? null,
    emoji_animated: emoji?.animated ?? false,
  }));
  return { ...prompt, title: prompt.title.trim(), options };
}

/** What a question lacks before it can be asked, in words; null when nothing. */
export function lacking(prompt: OnboardingPrompt): string | null {
  if (!prompt.title.trim()) return 'A question needs its words.';
  if (!prompt.options.length) return 'A question needs an answer to choose.';
  for (const option of prompt.options) {
    if (!option.title.trim()) return 'An answer needs its words.';
    if (!option.role_ids.length && !option.channel_ids.length) return `“${option.title}” gives no role and no channel.`;
  }
  return null;
}
