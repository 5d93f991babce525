//! Numeric limits of the protocol, named once.
//!
//! Values are those of the API documentation (pages named at each group) unless a line says that the choice
//! is ours. Units are in the names or in the first words of the docstring; lengths of text count Unicode
//! characters.

use std::ops::RangeInclusive;

// Transport and files ("API Reference", "Message").

/// Bytes of a JSON or form body without files; our own choice, above the largest legal message.
pub const BODY_BYTES_MAX: usize = 256 << 10;
/// Bytes of a whole multipart request.
pub const REQUEST_BYTES_MAX: usize = 25 << 20;
/// Bytes of one uploaded file, unless the guild or the operator allows more.
pub const FILE_BYTES_MAX: usize = 10 << 20;
/// Files of one message.
pub const ATTACHMENTS_MAX: usize = 10;
/// Characters of an attachment's file name; our own choice, within what file systems take (255 bytes).
pub const FILE_NAME_CHARS_MAX: usize = 120;
/// Characters of an attachment's title and description.
pub const ATTACHMENT_DESCRIPTION_CHARS_MAX: usize = 1024;
/// Base64 characters of a voice message's waveform: 256 points.
pub const WAVEFORM_CHARS_MAX: usize = 400;
/// Points of a voice message's waveform, a byte each.
pub const WAVEFORM_POINTS_MAX: usize = 256;
/// Seconds of a voice message; our own choice.
pub const VOICE_MESSAGE_SECS_MAX: f64 = 1200.0;
/// Bytes of an avatar, icon, banner or splash in a data URI; our own choice, equal to a file's.
pub const IMAGE_BYTES_MAX: usize = FILE_BYTES_MAX;
/// Seconds for which a signed attachment URL is good.
pub const ATTACHMENT_URL_SECS: u64 = 24 * 3600;
/// Attachment URLs refreshed by one request.
pub const REFRESH_URLS_MAX: usize = 50;
/// Depth to which a JSON body may nest; our own choice.
pub const JSON_DEPTH_MAX: usize = 32;

// Messages ("Message").

/// Characters of a message's content.
pub const MESSAGE_CONTENT_CHARS_MAX: usize = 2000;
/// Characters of a nonce.
pub const NONCE_CHARS_MAX: usize = 25;
/// Seconds during which an enforced nonce finds the first message; "the last few minutes" upstream.
pub const NONCE_DEDUP_SECS: u64 = 300;
/// Stickers of one message.
pub const MESSAGE_STICKERS_MAX: usize = 3;
/// Messages of one bulk delete.
pub const BULK_DELETE_MESSAGES: RangeInclusive<usize> = 2..=100;
/// Milliseconds after which a message is too old to delete in bulk: 14 days.
pub const BULK_DELETE_AGE_MS_MAX: u64 = 14 * 24 * 3_600_000;
/// Milliseconds after which a message is old, so that its edits are rationed (docs.discord.food, Message, "Edit Message"): 1 hour.
pub const OLD_MESSAGE_EDIT_MS: u64 = 3_600_000;
/// Pinned messages of one channel.
pub const PINS_MAX: usize = 250;
/// Distinct reactions on one message.
pub const REACTIONS_MAX: usize = 20;
/// Ids in each list of allowed mentions.
pub const ALLOWED_MENTION_IDS_MAX: usize = 100;
/// Mentions of each kind that are read from one text; our own choice: the shortest mention, `<@1>`, would fit
/// 500 times, and a text never pings more than the documented hundred.
pub const MENTIONS_MAX: usize = 100;

// Embeds ("Message", "Embed Limits").

/// Embeds of one message.
pub const EMBEDS_MAX: usize = 10;
/// Characters of an embed's title.
pub const EMBED_TITLE_CHARS_MAX: usize = 256;
/// Characters of an embed's description.
pub const EMBED_DESCRIPTION_CHARS_MAX: usize = 4096;
/// Fields of an embed.
pub const EMBED_FIELDS_MAX: usize = 25;
/// Characters of a field's name.
pub const EMBED_FIELD_NAME_CHARS_MAX: usize = 256;
/// Characters of a field's value.
pub const EMBED_FIELD_VALUE_CHARS_MAX: usize = 1024;
/// Characters of an embed's footer.
pub const EMBED_FOOTER_CHARS_MAX: usize = 2048;
/// Characters of an embed's author.
pub const EMBED_AUTHOR_CHARS_MAX: usize = 256;
/// Characters of all text in all embeds of one message.
pub const EMBEDS_CHARS_TOTAL_MAX: usize = 6000;
/// Characters of a URL.
pub const URL_CHARS_MAX: usize = 2048;

// Channels and threads ("Channel", "Threads").

/// Characters of a channel's name.
pub const CHANNEL_NAME_CHARS: RangeInclusive<usize> = 1..=100;
/// Characters of a topic.
pub const TOPIC_CHARS_MAX: usize = 1024;
/// Characters of a forum's topic, its guidelines.
pub const FORUM_TOPIC_CHARS_MAX: usize = 4096;
/// Seconds of slowmode: up to 6 hours.
pub const SLOWMODE_SECS_MAX: u32 = 21_600;
/// Bits per second of voice, by the guild's premium tier, 0 to 3.
pub const BITRATE_MAX_BY_TIER: [u32; 4] = [96_000, 128_000, 256_000, 384_000];
/// Bits per second below which voice may not be set.
pub const BITRATE_MIN: u32 = 8_000;
/// Bits per second of voice unless set.
pub const BITRATE_DEFAULT: u32 = 64_000;
/// Bits per second of a stage's voice.
pub const STAGE_BITRATE_MAX: u32 = 64_000;
/// People in a voice channel; 0 means no limit.
pub const VOICE_USER_LIMIT_MAX: u32 = 99;
/// People in a stage channel; 0 means no limit.
pub const STAGE_USER_LIMIT_MAX: u32 = 10_000;
/// Channels of one category.
pub const CATEGORY_CHANNELS_MAX: usize = 50;
/// Channels of one guild, threads not counted.
pub const GUILD_CHANNELS_MAX: usize = 500;
/// Overwrites of one channel.
pub const OVERWRITES_MAX: usize = 1000;
/// Characters of a voice channel's status.
pub const VOICE_STATUS_CHARS_MAX: usize = 500;
/// Minutes after which an idle thread may archive itself.
pub const AUTO_ARCHIVE_MINUTES: [u32; 4] = [60, 1440, 4320, 10_080];
/// Minutes of [`AUTO_ARCHIVE_MINUTES`] used unless channel or caller choose.
pub const AUTO_ARCHIVE_MINUTES_DEFAULT: u32 = 4320;
/// Active threads of one guild.
pub const ACTIVE_THREADS_MAX: usize = 1000;
/// Members of one thread.
pub const THREAD_MEMBERS_MAX: usize = 1000;
/// Where a thread's `member_count` stops.
pub const THREAD_MEMBER_COUNT_SHOWN_MAX: u32 = 50;
/// Tags of one forum.
pub const FORUM_TAGS_MAX: usize = 20;
/// Pinned posts of one forum.
pub const FORUM_PINNED_POSTS_MAX: usize = 1;
/// Characters of a forum tag's name.
pub const FORUM_TAG_NAME_CHARS: RangeInclusive<usize> = 1..=20;
/// Tags on one forum post.
pub const APPLIED_TAGS_MAX: usize = 5;
/// People in a group conversation, its owner included.
pub const GROUP_RECIPIENTS_MAX: usize = 10;
/// Group conversations of one account.
pub const GROUP_CHANNELS_MAX: usize = 10;

// Guilds, members, roles ("Guild", "Permissions").

/// Characters of a guild's name.
pub const GUILD_NAME_CHARS: RangeInclusive<usize> = 2..=100;
/// Characters of a guild's description.
pub const GUILD_DESCRIPTION_CHARS_MAX: usize = 300;
/// Guilds one account is in.
pub const USER_GUILDS_MAX: usize = 100;
/// Roles of one guild, @everyone included.
pub const ROLES_MAX: usize = 250;
/// Characters of a role's name.
pub const ROLE_NAME_CHARS_MAX: usize = 100;
/// Bytes of a role's icon.
pub const ROLE_ICON_BYTES_MAX: usize = 256 << 10;
/// Characters of a nickname.
pub const NICK_CHARS_MAX: usize = 32;
/// Characters of "about me".
pub const BIO_CHARS_MAX: usize = 190;
/// Milliseconds for which a member may be timed out: 28 days.
pub const TIMEOUT_MS_MAX: u64 = 28 * 24 * 3_600_000;
/// Seconds of messages a ban deletes: 7 days.
pub const BAN_DELETE_SECS_MAX: u64 = 604_800;
/// People of one bulk ban.
pub const BULK_BAN_USERS_MAX: usize = 200;
/// Days without a visit after which a prune may remove a member.
pub const PRUNE_DAYS: RangeInclusive<u32> = 1..=30;
/// Days of a prune unless given.
pub const PRUNE_DAYS_DEFAULT: u32 = 7;
/// Questions of an onboarding.
pub const ONBOARDING_PROMPTS_MAX: usize = 15;
/// Characters of a question.
pub const ONBOARDING_PROMPT_CHARS: RangeInclusive<usize> = 1..=100;
/// Answers to a question.
pub const ONBOARDING_OPTIONS: RangeInclusive<usize> = 1..=50;
/// Characters of an answer.
pub const ONBOARDING_OPTION_CHARS: RangeInclusive<usize> = 1..=50;
/// Characters of what is said of an answer.
pub const ONBOARDING_DESCRIPTION_CHARS_MAX: usize = 100;
/// Roles, and channels, of an answer.
pub const ONBOARDING_GIVES_MAX: usize = 50;
/// Channels that everybody sees, which a guild needs for onboarding.
pub const ONBOARDING_DEFAULT_CHANNELS_MIN: usize = 7;
/// Those of [`ONBOARDING_DEFAULT_CHANNELS_MIN`] in which everybody may write.
pub const ONBOARDING_WRITABLE_CHANNELS_MIN: usize = 5;
/// Characters of the name of what an application says of people.
pub const CONNECTION_NAME_CHARS: RangeInclusive<usize> = 1..=100;
/// Characters of a template's name.
pub const TEMPLATE_NAME_CHARS: RangeInclusive<usize> = 1..=100;
/// Characters of a template's description.
pub const TEMPLATE_DESCRIPTION_CHARS_MAX: usize = 120;
/// Channels on the welcome screen.
pub const WELCOME_CHANNELS_MAX: usize = 5;
/// Seconds of inactivity after which a member is moved to the AFK channel.
pub const AFK_TIMEOUT_SECS: [u32; 5] = [60, 300, 900, 1800, 3600];

// Invites ("Invite", "Channel").

/// Seconds an invite lives; 0 means for ever.
pub const INVITE_AGE_SECS_MAX: u32 = 604_800;
/// Seconds an invite lives unless given.
pub const INVITE_AGE_SECS_DEFAULT: u32 = 86_400;
/// Uses of an invite; 0 means no limit.
pub const INVITE_USES_MAX: u32 = 100;
/// Invites of one guild.
pub const INVITES_MAX: usize = 1000;

// Accounts ("User").

/// Characters of a username.
pub const USERNAME_CHARS: RangeInclusive<usize> = 2..=32;
/// Characters of a display name.
pub const DISPLAY_NAME_CHARS: RangeInclusive<usize> = 1..=32;
/// Characters of a password; the upper bound is that of official clients.
pub const PASSWORD_CHARS: RangeInclusive<usize> = 8..=72;
/// Bytes of an address: RFC 5321, section 4.5.3.1.3, less the angle brackets.
pub const EMAIL_BYTES_MAX: usize = 254;
/// Bytes of an address's local part: RFC 5321, section 4.5.3.1.1.
pub const EMAIL_LOCAL_BYTES_MAX: usize = 64;
/// Relationships of one account, of all kinds.
pub const RELATIONSHIPS_MAX: usize = 1000;
/// Characters of a note about another account.
pub const NOTE_CHARS_MAX: usize = 256;
/// Characters of a custom status.
pub const CUSTOM_STATUS_CHARS_MAX: usize = 128;

// Emojis, stickers, sounds ("Emoji", "Sticker", "Soundboard").

/// Characters of an emoji's name.
pub const EMOJI_NAME_CHARS: RangeInclusive<usize> = 2..=32;
/// Bytes of an emoji.
pub const EMOJI_BYTES_MAX: usize = 256 << 10;
/// Emojis of one guild, still and animated each, by premium tier.
pub const EMOJIS_MAX_BY_TIER: [usize; 4] = [50, 100, 150, 250];
/// Emojis of one application.
pub const APPLICATION_EMOJIS_MAX: usize = 2000;
/// Stickers of one guild, by premium tier.
pub const STICKERS_MAX_BY_TIER: [usize; 4] = [5, 15, 30, 60];
/// Bytes of a sticker.
pub const STICKER_BYTES_MAX: usize = 512 << 10;
/// Side of a sticker in pixels.
pub const STICKER_SIDE_PX: u32 = 320;
/// Milliseconds of a sticker's animation.
pub const STICKER_MS_MAX: u64 = 5000;
/// Characters of a sticker's name.
pub const STICKER_NAME_CHARS: RangeInclusive<usize> = 2..=30;
/// Characters of a sticker's description, unless it is empty.
pub const STICKER_DESCRIPTION_CHARS: RangeInclusive<usize> = 2..=100;
/// Characters of a sticker's tags.
pub const STICKER_TAGS_CHARS: RangeInclusive<usize> = 1..=200;
/// Sounds of one guild, by premium tier.
pub const SOUNDS_MAX_BY_TIER: [usize; 4] = [8, 24, 36, 48];
/// Bytes of a sound.
pub const SOUND_BYTES_MAX: usize = 512 << 10;
/// Milliseconds of a sound.
pub const SOUND_MS_MAX: u64 = 5200;
/// Characters of a sound's name.
pub const SOUND_NAME_CHARS: RangeInclusive<usize> = 2..=32;

// Webhooks ("Webhook").

/// Characters of an application's name.
pub const APPLICATION_NAME_CHARS: RangeInclusive<usize> = 1..=32;
/// Characters of a webhook's name.
pub const WEBHOOK_NAME_CHARS: RangeInclusive<usize> = 1..=80;
/// Webhooks of one channel.
pub const CHANNEL_WEBHOOKS_MAX: usize = 15;
/// Webhooks of one guild.
pub const GUILD_WEBHOOKS_MAX: usize = 1000;

// Audit log ("Audit Log").

/// Characters of an audit log reason, after percent-decoding.
pub const AUDIT_LOG_REASON_CHARS: RangeInclusive<usize> = 1..=512;
/// Milliseconds for which entries are kept: 45 days.
pub const AUDIT_LOG_KEPT_MS: u64 = 45 * 24 * 3_600_000;

// Automatic moderation ("Auto Moderation").

/// Rules of one guild with words of their own; of the other triggers there is one each.
pub const AUTOMOD_KEYWORD_RULES_MAX: usize = 6;
/// Characters of a rule's name.
pub const AUTOMOD_NAME_CHARS: RangeInclusive<usize> = 1..=100;
/// Words of one rule.
pub const AUTOMOD_KEYWORDS_MAX: usize = 1000;
/// Characters of a word.
pub const AUTOMOD_KEYWORD_CHARS: RangeInclusive<usize> = 1..=60;
/// Regular expressions of one rule.
pub const AUTOMOD_REGEXES_MAX: usize = 10;
/// Characters of a regular expression.
pub const AUTOMOD_REGEX_CHARS: RangeInclusive<usize> = 1..=260;
/// Allowed words of a rule with the server's lists.
pub const AUTOMOD_ALLOWED_MAX: usize = 1000;
/// Allowed words of a rule with words of its own.
pub const AUTOMOD_KEYWORD_ALLOWED_MAX: usize = 100;
/// Mentions that a rule may allow in one message.
pub const AUTOMOD_MENTIONS_MAX: u8 = 50;
/// Actions of one rule.
pub const AUTOMOD_ACTIONS_MAX: usize = 5;
/// Characters of what the author of a blocked message is told.
pub const AUTOMOD_CUSTOM_MESSAGE_CHARS_MAX: usize = 150;
/// Seconds of a timeout: four weeks.
pub const AUTOMOD_TIMEOUT_SECS_MAX: u32 = 2_419_200;
/// Roles that a rule leaves alone.
pub const AUTOMOD_EXEMPT_ROLES_MAX: usize = 20;
/// Channels that a rule leaves alone.
pub const AUTOMOD_EXEMPT_CHANNELS_MAX: usize = 50;

// Polls ("Poll"), scheduled events, stages.

/// Characters of a poll's question.
pub const POLL_QUESTION_CHARS: RangeInclusive<usize> = 1..=300;
/// Answers of a poll.
pub const POLL_ANSWERS: RangeInclusive<usize> = 1..=10;
/// Characters of a poll's answer.
pub const POLL_ANSWER_CHARS: RangeInclusive<usize> = 1..=55;
/// Hours a poll is open: up to 32 days.
pub const POLL_HOURS: RangeInclusive<u32> = 1..=768;
/// Hours a poll is open unless given.
pub const POLL_HOURS_DEFAULT: u32 = 24;
/// Characters of a scheduled event's name.
pub const EVENT_NAME_CHARS: RangeInclusive<usize> = 1..=100;
/// Characters of a scheduled event's description.
pub const EVENT_DESCRIPTION_CHARS: RangeInclusive<usize> = 1..=1000;
/// Characters of an external event's location.
pub const EVENT_LOCATION_CHARS: RangeInclusive<usize> = 1..=100;
/// Scheduled or active events of one guild.
pub const EVENTS_MAX: usize = 100;
/// Characters of a stage's topic.
pub const STAGE_TOPIC_CHARS: RangeInclusive<usize> = 1..=120;

// Interactions, commands, components ("Receiving and Responding", "Application Commands", "Component
// Reference").

/// Milliseconds within which an interaction must be answered.
pub const INTERACTION_ANSWER_MS: u64 = 3000;
/// Milliseconds for which an interaction's token is good.
pub const INTERACTION_TOKEN_MS: u64 = 15 * 60_000;
/// Choices of an autocomplete answer, and of an option.
pub const CHOICES_MAX: usize = 25;
/// Characters of a modal's title.
pub const MODAL_TITLE_CHARS: RangeInclusive<usize> = 1..=45;
/// Top components of a modal.
pub const MODAL_COMPONENTS: RangeInclusive<usize> = 1..=5;
/// Characters of a command's or option's name.
pub const COMMAND_NAME_CHARS: RangeInclusive<usize> = 1..=32;
/// Characters of a chat command's or option's description.
pub const COMMAND_DESCRIPTION_CHARS: RangeInclusive<usize> = 1..=100;
/// Options of a command, group or subcommand.
pub const COMMAND_OPTIONS_MAX: usize = 25;
/// Characters of all text in one command.
pub const COMMAND_CHARS_TOTAL_MAX: usize = 8000;
/// Chat commands per scope.
pub const CHAT_COMMANDS_MAX: usize = 100;
/// User commands per scope.
pub const USER_COMMANDS_MAX: usize = 15;
/// Message commands per scope.
pub const MESSAGE_COMMANDS_MAX: usize = 15;
/// Entry point commands per application.
pub const ENTRY_POINT_COMMANDS_MAX: usize = 1;
/// Commands that one application may make in one guild, or in none, on one day.
pub const COMMANDS_CREATED_PER_DAY_MAX: u32 = 200;
/// Permissions of one command in one guild.
pub const COMMAND_PERMISSIONS_MAX: usize = 100;
/// Largest whole number an integer option takes, either side of zero: what a double holds exactly.
pub const COMMAND_INTEGER_MAX: i64 = (1 << 53) - 1;
/// Characters of a component's custom id.
pub const CUSTOM_ID_CHARS: RangeInclusive<usize> = 1..=100;
/// Rows of components without components v2.
pub const ACTION_ROWS_MAX: usize = 5;
/// Buttons of one row.
pub const ROW_BUTTONS_MAX: usize = 5;
/// Components of a components v2 message, nested ones counted.
pub const COMPONENTS_V2_MAX: usize = 40;
/// Characters of all text in a components v2 message.
pub const COMPONENTS_V2_CHARS_TOTAL_MAX: usize = 4000;
/// Characters of a button's label.
pub const BUTTON_LABEL_CHARS_MAX: usize = 80;
/// Characters of a button's URL.
pub const BUTTON_URL_CHARS_MAX: usize = 512;
/// Options of a string select.
pub const SELECT_OPTIONS_MAX: usize = 25;
/// Characters of a select option's label, value and description.
pub const SELECT_OPTION_CHARS_MAX: usize = 100;
/// Characters of a select's placeholder.
pub const SELECT_PLACEHOLDER_CHARS_MAX: usize = 150;
/// Characters of a text input's value.
pub const TEXT_INPUT_CHARS_MAX: usize = 4000;
/// Characters of a text input's placeholder.
pub const TEXT_INPUT_PLACEHOLDER_CHARS_MAX: usize = 100;
/// Characters of a label's, or text input's, label.
pub const LABEL_CHARS: RangeInclusive<usize> = 1..=45;
/// Characters of a label's description.
pub const LABEL_DESCRIPTION_CHARS: RangeInclusive<usize> = 1..=100;
/// Options of a radio group.
pub const RADIO_OPTIONS: RangeInclusive<usize> = 2..=10;
/// Options of a checkbox group.
pub const CHECKBOX_OPTIONS: RangeInclusive<usize> = 1..=10;
/// Files of one upload in a form.
pub const UPLOAD_FILES_MAX: u8 = 10;
/// Characters of the name of a component's emoji.
pub const COMPONENT_EMOJI_NAME_CHARS_MAX: usize = 32;
/// Texts of a section.
pub const SECTION_TEXTS: RangeInclusive<usize> = 1..=3;
/// Items of a media gallery.
pub const GALLERY_ITEMS: RangeInclusive<usize> = 1..=10;

// Pagination: how many a page may hold, and holds unless asked. Outside the range is 400/50035, not clamped.

/// Messages of a page.
pub const PAGE_MESSAGES: RangeInclusive<u32> = 1..=100;
/// Messages of a page unless asked.
pub const PAGE_MESSAGES_DEFAULT: u32 = 50;
/// Results of a page of a message search.
pub const PAGE_SEARCH: RangeInclusive<u32> = 1..=25;
/// Results of a page of a message search unless asked.
pub const PAGE_SEARCH_DEFAULT: u32 = 25;
/// Results that a message search may skip.
pub const SEARCH_OFFSET_MAX: u16 = 9975;
/// Pins of a page.
pub const PAGE_PINS: RangeInclusive<u32> = 1..=50;
/// Pins of a page unless asked.
pub const PAGE_PINS_DEFAULT: u32 = 50;
/// People of a page of a reaction or of a poll's answer.
pub const PAGE_REACTIONS: RangeInclusive<u32> = 1..=100;
/// People of a page of a reaction or of a poll's answer unless asked.
pub const PAGE_REACTIONS_DEFAULT: u32 = 25;
/// Members of a page, listed or searched.
pub const PAGE_MEMBERS: RangeInclusive<u32> = 1..=1000;
/// Members of a page unless asked: one, as documented.
pub const PAGE_MEMBERS_DEFAULT: u32 = 1;
/// Bans of a page.
pub const PAGE_BANS: RangeInclusive<u32> = 1..=1000;
/// Bans of a page unless asked.
pub const PAGE_BANS_DEFAULT: u32 = 1000;
/// Audit log entries of a page.
pub const PAGE_AUDIT_LOG: RangeInclusive<u32> = 1..=100;
/// Audit log entries of a page unless asked.
pub const PAGE_AUDIT_LOG_DEFAULT: u32 = 50;
/// Own guilds of a page.
pub const PAGE_GUILDS: RangeInclusive<u32> = 1..=200;
/// Own guilds of a page unless asked.
pub const PAGE_GUILDS_DEFAULT: u32 = 200;
/// Thread members of a page.
pub const PAGE_THREAD_MEMBERS: RangeInclusive<u32> = 1..=100;
/// Thread members of a page unless asked.
pub const PAGE_THREAD_MEMBERS_DEFAULT: u32 = 100;
/// Archived threads of a page.
pub const PAGE_ARCHIVED_THREADS: RangeInclusive<u32> = 2..=100;
/// Archived threads of a page unless asked.
pub const PAGE_ARCHIVED_THREADS_DEFAULT: u32 = 50;
/// People of a page interested in an event.
pub const PAGE_EVENT_USERS: RangeInclusive<u32> = 1..=100;
/// People of a page interested in an event unless asked.
pub const PAGE_EVENT_USERS_DEFAULT: u32 = 100;

// Rate limits ("Rate Limits").

/// Requests per second of one bot, or of one address without a token.
pub const GLOBAL_REQUESTS_PER_SECOND: u32 = 50;
/// Answers of 401, 403 and 429 within [`BAD_REQUEST_WINDOW_SECS`] after which an address is shut out.
pub const BAD_REQUESTS_MAX: u32 = 10_000;
/// Seconds of the bad-request guard.
pub const BAD_REQUEST_WINDOW_SECS: u64 = 600;

const _: () = assert!(FILE_BYTES_MAX <= REQUEST_BYTES_MAX);
const _: () = assert!(BODY_BYTES_MAX <= FILE_BYTES_MAX, "a body without files is smaller than a file");
// Four bytes a character is the most UTF-8 takes.
const _: () = assert!(4 * (MESSAGE_CONTENT_CHARS_MAX + EMBEDS_CHARS_TOTAL_MAX) < BODY_BYTES_MAX);
const _: () = assert!(ONBOARDING_WRITABLE_CHANNELS_MIN <= ONBOARDING_DEFAULT_CHANNELS_MIN);
const _: () = assert!(MENTIONS_MAX >= ALLOWED_MENTION_IDS_MAX);
const _: () = assert!(INTERACTION_ANSWER_MS < INTERACTION_TOKEN_MS);
