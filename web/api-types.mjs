/**
 * Makes `src/lib/api/schema.ts` of the published OpenAPI document, and `src/lib/gateway/table.ts` of `gateway.tsv`:
 * `npm run types`. With `--check` it only says whether they are as they should be.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';
import { format, resolveConfig } from 'prettier';

const DOCUMENT = '../crates/model/tests/data/openapi.json';
const SCHEMA = 'src/lib/api/schema.ts';
const GATEWAY = 'gateway.tsv';
const TABLE = 'src/lib/gateway/table.ts';

/**
 * The objects this client reads, by its own names: the schemas they come from, then the fields that are always there, then
 * after a bar those that the gateway, or an older message, may leave out.
 */
const OBJECTS = {
  User: [
    'UserResponse UserPIIResponse',
    'id username | discriminator global_name avatar banner bot system email public_flags',
  ],
  Role: [
    'GuildRoleResponse',
    'id name color hoist position permissions mentionable | managed icon unicode_emoji tags flags',
  ],
  RoleTags: ['GuildRoleTagsResponse', '| bot_id integration_id'],
  WireMember: [
    'GuildMemberResponse',
    'roles | user nick avatar banner joined_at communication_disabled_until pending flags',
  ],
  Overwrite: ['ChannelPermissionOverwriteResponse', 'id type allow deny'],
  ForumTag: ['ForumTagResponse', 'id name | moderated emoji_id emoji_name'],
  DefaultReaction: ['DefaultReactionEmojiResponse', '| emoji_id emoji_name'],
  ThreadMetadata: [
    'ThreadMetadataResponse',
    'archived | locked auto_archive_duration archive_timestamp create_timestamp invitable',
  ],
  ThreadMember: ['ThreadMemberResponse', '| id user_id join_timestamp flags'],
  WireChannel: [
    'GuildChannelResponse ThreadResponse PrivateChannelResponse PrivateGroupChannelResponse',
    `id type | guild_id name topic position parent_id nsfw owner_id icon rate_limit_per_user permission_overwrites
     recipients last_message_id thread_metadata message_count member_count member flags available_tags applied_tags user_limit
     default_reaction_emoji default_sort_order default_forum_layout default_auto_archive_duration last_pin_timestamp`,
  ],
  Emoji: [
    'EmojiResponse MessageReactionEmojiResponse ComponentEmojiResponse SettingsEmojiResponse',
    'id name | animated available user roles managed',
  ],
  Sticker: [
    'GuildStickerResponse StandardStickerResponse',
    'id name | tags description format_type available guild_id user',
  ],
  StickerItem: ['MessageStickerItemResponse', 'id name | format_type'],
  Attachment: [
    'MessageAttachmentResponse',
    'id filename size url | title description proxy_url content_type width height flags duration_secs waveform',
  ],
  EmbedMedia: ['MessageEmbedImageResponse MessageEmbedVideoResponse', 'url | proxy_url width height content_type'],
  EmbedAuthor: ['MessageEmbedAuthorResponse', 'name | url icon_url'],
  EmbedFooter: ['MessageEmbedFooterResponse', 'text | icon_url'],
  EmbedProvider: ['MessageEmbedProviderResponse', '| name url'],
  EmbedField: ['MessageEmbedFieldResponse', 'name value | inline'],
  Embed: [
    'MessageEmbedResponse',
    '| type title description url color timestamp author footer provider image thumbnail fields',
  ],
  Reaction: ['MessageReactionResponse', 'emoji count me'],
  PollMedia: ['PollMediaResponse', '| text emoji'],
  PollAnswer: ['PollAnswerResponse', 'answer_id poll_media'],
  PollCount: ['PollResultsEntryResponse', 'id count me_voted'],
  PollResults: ['PollResultsResponse', 'is_finalized answer_counts'],
  Poll: ['PollResponse', 'question answers | expiry allow_multiselect results'],
  MediaItem: ['UnfurledMediaResponse', 'url | proxy_url width height content_type'],
  GalleryItem: ['MediaGalleryItemResponse', 'media | description spoiler'],
  SelectOption: ['StringSelectOptionResponse', 'label value | description emoji default'],
  DefaultValue: [
    'UserSelectDefaultValueResponse RoleSelectDefaultValueResponse ChannelSelectDefaultValueResponse',
    'id type',
  ],
  WireComponent: [
    `ActionRowComponentResponse ButtonComponentResponse ChannelSelectComponentResponse ContainerComponentResponse
     FileComponentResponse MediaGalleryComponentResponse MentionableSelectComponentResponse RoleSelectComponentResponse
     SectionComponentResponse SeparatorComponentResponse StringSelectComponentResponse TextDisplayComponentResponse
     TextInputComponentResponse ThumbnailComponentResponse UserSelectComponentResponse`,
    `type | id components accessory custom_id style label description emoji url disabled placeholder min_values max_values
     min_length max_length required value options default_values channel_types content media items file name size spoiler
     divider spacing accent_color`,
  ],
  MessageReference: ['MessageReferenceResponse', '| type message_id channel_id guild_id'],
  MessageCall: ['MessageCallResponse', 'participants | ended_timestamp'],
  WireMessage: [
    'MessageResponse',
    `id channel_id author content timestamp type mentions mention_roles attachments embeds | edited_timestamp flags pinned
     mention_everyone reactions nonce webhook_id message_reference sticker_items poll application_id components call`,
  ],
  WireGuild: [
    'GuildResponse',
    `id name owner_id roles emojis | icon description stickers system_channel_id system_channel_flags rules_channel_id
     default_message_notifications verification_level features`,
  ],
  WelcomeChannel: ['GuildWelcomeScreenChannelResponse', 'channel_id description | emoji_id emoji_name'],
  WelcomeScreen: ['GuildWelcomeScreenResponse', 'welcome_channels | description'],
  OnboardingOption: ['OnboardingPromptOptionResponse', 'id title role_ids channel_ids | description emoji'],
  OnboardingPrompt: ['OnboardingPromptResponse', 'id title options single_select required in_onboarding type'],
  Onboarding: ['UserGuildOnboardingResponse', 'prompts default_channel_ids enabled mode'],
  VoiceState: [
    'VoiceStateResponse',
    `user_id channel_id | guild_id member self_mute self_deaf self_video mute deaf suppress request_to_speak_timestamp
     session_id`,
  ],
  StageInstance: ['StageInstanceResponse', 'id guild_id channel_id topic'],
  SoundboardSound: ['SoundboardSoundResponse', 'sound_id name volume | emoji_id emoji_name guild_id available user'],
  InviteGuild: ['InviteGuildResponse', 'id name | icon description'],
  InviteChannel: ['InviteChannelResponse', 'id type | name'],
  Invite: [
    'GuildInviteResponse',
    `code | guild channel inviter expires_at approximate_member_count approximate_presence_count uses max_uses max_age
     temporary created_at`,
  ],
  AuditChange: ['AuditLogObjectChangeResponse', 'key | old_value new_value'],
  AuditEntry: ['AuditLogEntryResponse', 'id action_type user_id target_id | changes options reason'],
  Ban: ['GuildBanResponse', 'user reason'],
  Webhook: [
    'GuildIncomingWebhookResponse ChannelFollowerWebhookResponse',
    'id type name | avatar channel_id token url user',
  ],
  Integration: ['DiscordIntegrationResponse', 'id name type | user application'],
  IntegrationApplication: ['IntegrationApplicationResponse', 'id name | icon bot'],
  Choice: [
    `ApplicationCommandOptionStringChoiceResponse ApplicationCommandOptionIntegerChoiceResponse
     ApplicationCommandOptionNumberChoiceResponse`,
    'name value | name_localizations',
  ],
  CommandOption: [
    `ApplicationCommandAttachmentOptionResponse ApplicationCommandBooleanOptionResponse ApplicationCommandChannelOptionResponse ApplicationCommandIntegerOptionResponse ApplicationCommandMentionableOptionResponse ApplicationCommandNumberOptionResponse ApplicationCommandRoleOptionResponse ApplicationCommandStringOptionResponse ApplicationCommandSubcommandGroupOptionResponse ApplicationCommandSubcommandOptionResponse ApplicationCommandUserOptionResponse`,
    `type name description | name_localizations description_localizations required choices options channel_types min_value
     max_value min_length max_length autocomplete`,
  ],
  Command: [
    'ApplicationCommandResponse',
    'id type application_id name description | name_localizations description_localizations options version guild_id',
  ],
  Application: [
    'PrivateApplicationResponse',
    `id name | icon description bot bot_public flags interactions_endpoint_url tags approximate_guild_count verify_key`,
  ],
};

const ID = { type: 'string' };
const isObject = (value) => value !== null && typeof value === 'object';

/** Writes a schema in this client's names. Numbers stay open: a client meets values that are younger than the document. */
function rewritten(schema, all, names, at) {
  if (schema.$ref) {
    const name = schema.$ref.split('/').at(-1);
    const own = names.get(name);
    if (own) return { $ref: `#/components/schemas/${own}` };
    const target = all[name];
    if (target.properties) throw new Error(`${at} is a ${name}, which the table does not name`);
    return rewritten(target, all, names, at);
  }
  const { enum: _enum, allOf: _allOf, description: _description, title: _title, format: _format, ...rest } = schema;
  // An enumeration is written as a choice of constants.
  const options = rest.oneOf ?? rest.anyOf;
  if (options?.every((o) => 'const' in o)) return { type: rest.type ?? typeof options[0].const };
  const out = { ...rest };
  delete out.anyOf;
  if (options) {
    out.oneOf = unique(options.map((o) => rewritten(o, all, names, at)));
    if (out.oneOf.length === 1) return out.oneOf[0];
  }
  if (isObject(rest.items)) out.items = rewritten(rest.items, all, names, at);
  if (isObject(rest.additionalProperties)) {
    out.additionalProperties = rewritten(rest.additionalProperties, all, names, at);
  }
  return out;
}

const words = (text) => text.split(/\s+/).filter(Boolean);
const unique = (list) => [...new Map(list.map((s) => [JSON.stringify(s), s])).values()];

/** A schema as the choices it offers. */
function choices(schema) {
  if (schema.oneOf) return schema.oneOf.flatMap(choices);
  return Array.isArray(schema.type) ? schema.type.map((type) => ({ ...schema, type })) : [schema];
}

/** The fields of an object, each as all the schemas that have it say together. */
function objectOf(name, all, names) {
  const [sources, fields] = OBJECTS[name];
  const [always, maybe = []] = fields.split('|').map(words);
  const properties = {};
  for (const field of [...always, ...maybe]) {
    const found = words(sources).flatMap((source) => all[source]?.properties?.[field] ?? []);
    if (!found.length) throw new Error(`no schema of ${name} has the field ${field}`);
    const options = unique(found.map((schema) => rewritten(schema, all, names, `${name}.${field}`)));
    properties[field] = options.length === 1 ? options[0] : { oneOf: unique(options.flatMap(choices)) };
  }
  return { type: 'object', required: always, properties, additionalProperties: false };
}

const MADE = '/** Made by `npm run types`: change `api-types.mjs` instead. */\n';

async function schemaFile() {
  const all = JSON.parse(readFileSync(DOCUMENT, 'utf8')).components.schemas;
  const names = new Map(Object.entries(OBJECTS).flatMap(([name, [sources]]) => words(sources).map((s) => [s, name])));
  // What a message answers is a message without what it answers.
  names.set('BasicMessageResponse', 'WireMessage');
  names.set('SnowflakeType', 'Id');
  const schemas = Object.fromEntries(Object.keys(OBJECTS).map((name) => [name, objectOf(name, all, names)]));
  const document = {
    openapi: '3.1.0',
    info: { title: '', version: '10' },
    paths: {},
    components: { schemas: { Id: ID, ...schemas } },
  };
  const ast = await openapiTS(document, { rootTypes: true, rootTypesNoSchemaPrefix: true });
  const text = astToString(ast).replace(/export type (webhooks|paths|operations|\$defs) = .*\n/g, '');
  return MADE + text;
}

/** The opcodes, the close codes that change what a client does, and what each dispatch carries. */
function tableFile() {
  const rows = readFileSync(GATEWAY, 'utf8')
    .split('\n')
    .filter((line) => line && !line.startsWith('#'))
    .map((line) => line.split('\t'));
  const of = (kind) => rows.filter((row) => row[0] === kind).sort((a, b) => Number(a[1]) - Number(b[1]));
  const codes = (what) =>
    of('close')
      .filter((row) => row[3] === what)
      .map(([, code]) => code);
  const imports = new Set(of('dispatch').flatMap(([, , , payload]) => payload.match(/\b[A-Z]\w+/g) ?? []));
  return `${MADE.replace('api-types.mjs', 'gateway.tsv')}import type { ${[...imports].sort().join(', ')} } from './payloads';

export const Op = { ${of('opcode')
    .map(([, code, name]) => `${name}: ${code}`)
    .join(', ')} } as const;

/** Close codes after which connecting again with the same IDENTIFY cannot help. */
export const FATAL_CLOSES: ReadonlySet<number> = new Set([${codes('fatal').join(', ')}]);

/** Close codes that say the session or its sequence is unusable. */
export const SESSION_LOST_CLOSES: ReadonlySet<number> = new Set([${codes('session lost').join(', ')}]);

/** What each dispatch carries. */
export interface Dispatches { ${of('dispatch')
    .map(([, , name, payload]) => `${name}: ${payload};`)
    .join('\n')} }
`;
}

const options = await resolveConfig(SCHEMA);
const files = [
  [SCHEMA, await schemaFile()],
  [TABLE, tableFile()],
];
for (const [path, text] of files) {
  const wanted = await format(text, { ...options, filepath: path });
  if (!process.argv.includes('--check')) writeFileSync(path, wanted);
  else if (readFileSync(path, 'utf8') !== wanted) throw new Error(`${path} is not what its source says: npm run types`);
}
