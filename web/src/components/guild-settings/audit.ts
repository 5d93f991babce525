/** Words for audit log entries (action codes: Discord developer docs, "Audit Log Events"). */

const ACTIONS: Record<number, string> = {
  1: 'changed the community',
  10: 'created the channel',
  11: 'changed the channel',
  12: 'deleted the channel',
  13: 'added permissions to',
  14: 'changed the permissions of',
  15: 'removed permissions from',
  20: 'kicked',
  21: 'pruned members',
  22: 'banned',
  23: 'lifted the ban on',
  24: 'changed',
  25: 'changed the roles of',
  26: 'moved',
  27: 'disconnected',
  28: 'added the bot',
  30: 'created the role',
  31: 'changed the role',
  32: 'deleted the role',
  40: 'made an invite',
  41: 'changed an invite',
  42: 'revoked an invite',
  50: 'created the webhook',
  51: 'changed the webhook',
  52: 'deleted the webhook',
  60: 'added the emoji',
  61: 'renamed the emoji',
  62: 'deleted the emoji',
  72: 'deleted messages of',
  73: 'deleted messages in',
  74: 'pinned a message of',
  75: 'unpinned a message of',
  80: 'added the integration',
  81: 'changed the integration',
  82: 'removed the integration',
  83: 'opened the stage of',
  84: 'changed the stage of',
  85: 'closed the stage of',
  90: 'added the sticker',
  91: 'changed the sticker',
  92: 'deleted the sticker',
  100: 'made the event',
  101: 'changed the event',
  102: 'deleted the event',
  110: 'created the thread',
  111: 'changed the thread',
  112: 'deleted the thread',
  121: 'changed who may use the commands of',
  130: 'added the sound',
  131: 'changed the sound',
  132: 'deleted the sound',
  140: 'made the rule',
  141: 'changed the rule',
  142: 'deleted the rule',
  143: 'blocked a message of',
  144: 'flagged a message of',
  145: 'timed out',
  163: 'changed the questions of the onboarding',
  164: 'changed the questions of the onboarding',
  165: 'changed the questions of the onboarding',
  166: 'made the onboarding',
  167: 'changed the onboarding',
  190: 'changed the home page',
  191: 'changed the home page',
  192: 'set the voice status of',
  193: 'cleared the voice status of',
};

export function actionWords(type: number): string {
  return ACTIONS[type] ?? 'did something else with';
}

function show(value: unknown): string {
  if (value === undefined || value === null || value === '') return 'nothing';
  if (Array.isArray(value))
    return (
      value.map((v) => (v && typeof v === 'object' && 'name' in v ? String(v.name) : show(v))).join(', ') || 'nothing'
    );
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}

export function changeWords(change: { key: string | null; old_value?: unknown; new_value?: unknown }): string {
  if (change.key === '$add') return `gave ${show(change.new_value)}`;
  if (change.key === '$remove') return `took ${show(change.new_value)}`;
  const key = (change.key ?? 'something').replaceAll('_', ' ');
  return change.old_value === undefined
    ? `${key}: ${show(change.new_value)}`
    : `${key}: ${show(change.old_value)} → ${show(change.new_value)}`;
}
