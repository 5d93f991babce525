/** Made by `npm run types`: change `api-types.mjs` instead. */
export interface components {
  schemas: {
    Id: string;
    User: {
      id: components['schemas']['Id'];
      username: string;
      discriminator?: string;
      global_name?: string | null;
      avatar?: string | null;
      banner?: string | null;
      bot?: boolean;
      system?: boolean;
      email?: string | null;
      public_flags?: number;
    };
    Role: {
      id: components['schemas']['Id'];
      name: string;
      color: number;
      hoist: boolean;
      position: number;
      permissions: string;
      mentionable: boolean;
      managed?: boolean;
      icon?: string | null;
      unicode_emoji?: string | null;
      tags?: components['schemas']['RoleTags'];
      flags?: number;
    };
    RoleTags: {
      bot_id?: components['schemas']['Id'];
      integration_id?: components['schemas']['Id'];
    };
    WireMember: {
      roles: components['schemas']['Id'][];
      user?: components['schemas']['User'];
      nick?: string | null;
      avatar?: string | null;
      banner?: string | null;
      joined_at?: string;
      communication_disabled_until?: string | null;
      pending?: boolean;
      flags?: number;
    };
    Overwrite: {
      id: components['schemas']['Id'];
      type: number;
      allow: string;
      deny: string;
    };
    ForumTag: {
      id: components['schemas']['Id'];
      name: string;
      moderated?: boolean;
      emoji_id?: null | components['schemas']['Id'];
      emoji_name?: string | null;
    };
    DefaultReaction: {
      emoji_id?: null | components['schemas']['Id'];
      emoji_name?: string | null;
    };
    ThreadMetadata: {
      archived: boolean;
      locked?: boolean;
      auto_archive_duration?: number;
      archive_timestamp?: string | null;
      create_timestamp?: string;
      invitable?: boolean;
    };
    ThreadMember: {
      id?: components['schemas']['Id'];
      user_id?: components['schemas']['Id'];
      join_timestamp?: string;
      flags?: number;
    };
    WireChannel: {
      id: components['schemas']['Id'];
      type: number;
      guild_id?: components['schemas']['Id'];
      name?: string | null;
      topic?: string | null;
      position?: number;
      parent_id?: null | components['schemas']['Id'];
      nsfw?: boolean;
      owner_id?: components['schemas']['Id'];
      icon?: string | null;
      rate_limit_per_user?: number;
      permission_overwrites?: components['schemas']['Overwrite'][];
      recipients?: components['schemas']['User'][];
      last_message_id?: null | components['schemas']['Id'];
      thread_metadata?: components['schemas']['ThreadMetadata'];
      message_count?: number;
      member_count?: number;
      member?: components['schemas']['ThreadMember'];
      flags?: number;
      available_tags?: components['schemas']['ForumTag'][];
      applied_tags?: components['schemas']['Id'][];
      user_limit?: number;
      default_reaction_emoji?: null | components['schemas']['DefaultReaction'];
      default_sort_order?: null | number;
      default_forum_layout?: number;
      default_auto_archive_duration?: number;
      last_pin_timestamp?: string | null;
    };
    Emoji: {
      id: components['schemas']['Id'] | null;
      name: string | null;
      animated?: boolean;
      available?: boolean;
      user?: components['schemas']['User'];
      roles?: components['schemas']['Id'][];
      managed?: boolean;
    };
    Sticker: {
      id: components['schemas']['Id'];
      name: string;
      tags?: string;
      description?: string | null;
      format_type?: null | number;
      available?: boolean;
      guild_id?: components['schemas']['Id'];
      user?: components['schemas']['User'];
    };
    StickerItem: {
      id: components['schemas']['Id'];
      name: string;
      format_type?: number;
    };
    Attachment: {
      id: components['schemas']['Id'];
      filename: string;
      size: number;
      url: string;
      title?: string | null;
      description?: string;
      proxy_url?: string;
      content_type?: string;
      width?: number;
      height?: number;
      flags?: number;
      duration_secs?: number;
      waveform?: string;
    };
    EmbedMedia: {
      url: string;
      proxy_url?: string;
      width?: number;
      height?: number;
      content_type?: string;
    };
    EmbedAuthor: {
      name: string;
      url?: string;
      icon_url?: string;
    };
    EmbedFooter: {
      text: string;
      icon_url?: string;
    };
    EmbedProvider: {
      name?: string;
      url?: string;
    };
    EmbedField: {
      name: string;
      value: string;
      inline?: boolean;
    };
    Embed: {
      type?: string;
      title?: string;
      description?: string;
      url?: string;
      color?: number;
      timestamp?: string;
      author?: components['schemas']['EmbedAuthor'];
      footer?: components['schemas']['EmbedFooter'];
      provider?: components['schemas']['EmbedProvider'];
      image?: components['schemas']['EmbedMedia'];
      thumbnail?: components['schemas']['EmbedMedia'];
      fields?: components['schemas']['EmbedField'][];
    };
    Reaction: {
      emoji: components['schemas']['Emoji'];
      count: number;
      me: boolean;
    };
    PollMedia: {
      text?: string;
      emoji?: components['schemas']['Emoji'];
    };
    PollAnswer: {
      answer_id: number;
      poll_media: components['schemas']['PollMedia'];
    };
    PollCount: {
      id: number;
      count: number;
      me_voted: boolean;
    };
    PollResults: {
      is_finalized: boolean;
      answer_counts: components['schemas']['PollCount'][];
    };
    Poll: {
      question: components['schemas']['PollMedia'];
      answers: components['schemas']['PollAnswer'][];
      expiry?: string;
      allow_multiselect?: boolean;
      results?: components['schemas']['PollResults'];
    };
    MediaItem: {
      url: string;
      proxy_url?: string;
      width?: number | null;
      height?: number | null;
      content_type?: string | null;
    };
    GalleryItem: {
      media: components['schemas']['MediaItem'];
      description?: string | null;
      spoiler?: boolean;
    };
    SelectOption: {
      label: string;
      value: string;
      description?: string;
      emoji?: components['schemas']['Emoji'];
      default?: boolean;
    };
    DefaultValue: {
      id: components['schemas']['Id'];
      type: string;
    };
    WireComponent: {
      type: number;
      id?: number;
      components?: components['schemas']['WireComponent'][];
      accessory?: components['schemas']['WireComponent'];
      custom_id?: string;
      style?: number;
      label?: string | null;
      description?: string | null;
      emoji?: components['schemas']['Emoji'];
      url?: string | null;
      disabled?: boolean;
      placeholder?: string;
      min_values?: number;
      max_values?: number;
      min_length?: number | null;
      max_length?: number | null;
      required?: boolean;
      value?: string;
      options?: components['schemas']['SelectOption'][];
      default_values?: components['schemas']['DefaultValue'][];
      channel_types?: number[];
      content?: string;
      media?: components['schemas']['MediaItem'];
      items?: components['schemas']['GalleryItem'][];
      file?: components['schemas']['MediaItem'];
      name?: string | null;
      size?: number | null;
      spoiler?: boolean;
      divider?: boolean;
      spacing?: number;
      accent_color?: number | null;
    };
    MessageReference: {
      type?: number;
      message_id?: components['schemas']['Id'];
      channel_id?: components['schemas']['Id'];
      guild_id?: components['schemas']['Id'];
    };
    MessageCall: {
      participants: components['schemas']['Id'][];
      ended_timestamp?: string | null;
    };
    WireMessage: {
      id: components['schemas']['Id'];
      channel_id: components['schemas']['Id'];
      author: components['schemas']['User'];
      content: string;
      timestamp: string;
      type: number;
      mentions: components['schemas']['User'][];
      mention_roles: components['schemas']['Id'][];
      attachments: components['schemas']['Attachment'][];
      embeds: components['schemas']['Embed'][];
      edited_timestamp?: string | null;
      flags?: number;
      pinned?: boolean;
      mention_everyone?: boolean;
      reactions?: components['schemas']['Reaction'][];
      nonce?: number | string;
      webhook_id?: components['schemas']['Id'];
      message_reference?: components['schemas']['MessageReference'];
      sticker_items?: components['schemas']['StickerItem'][];
      poll?: components['schemas']['Poll'];
      application_id?: components['schemas']['Id'];
      components?: components['schemas']['WireComponent'][];
      call?: components['schemas']['MessageCall'];
    };
    WireGuild: {
      id: components['schemas']['Id'];
      name: string;
      owner_id: components['schemas']['Id'];
      roles: components['schemas']['Role'][];
      emojis: components['schemas']['Emoji'][];
      icon?: string | null;
      description?: string | null;
      stickers?: components['schemas']['Sticker'][];
      system_channel_id?: null | components['schemas']['Id'];
      system_channel_flags?: number;
      rules_channel_id?: null | components['schemas']['Id'];
      default_message_notifications?: number;
      verification_level?: number;
      features?: string[];
    };
    WelcomeChannel: {
      channel_id: components['schemas']['Id'];
      description: string;
      emoji_id?: null | components['schemas']['Id'];
      emoji_name?: string | null;
    };
    WelcomeScreen: {
      welcome_channels: components['schemas']['WelcomeChannel'][];
      description?: string | null;
    };
    OnboardingOption: {
      id: components['schemas']['Id'];
      title: string;
      role_ids: components['schemas']['Id'][];
      channel_ids: components['schemas']['Id'][];
      description?: string;
      emoji?: components['schemas']['Emoji'];
    };
    OnboardingPrompt: {
      id: components['schemas']['Id'];
      title: string;
      options: components['schemas']['OnboardingOption'][];
      single_select: boolean;
      required: boolean;
      in_onboarding: boolean;
      type: number;
    };
    Onboarding: {
      prompts: components['schemas']['OnboardingPrompt'][];
      default_channel_ids: components['schemas']['Id'][];
      enabled: boolean;
      mode: number;
    };
    VoiceState: {
      user_id: components['schemas']['Id'];
      channel_id: null | components['schemas']['Id'];
      guild_id?: null | components['schemas']['Id'];
      member?: components['schemas']['WireMember'];
      self_mute?: boolean;
      self_deaf?: boolean;
      self_video?: boolean;
      mute?: boolean;
      deaf?: boolean;
      suppress?: boolean;
      request_to_speak_timestamp?: string | null;
      session_id?: string;
    };
    StageInstance: {
      id: components['schemas']['Id'];
      guild_id: components['schemas']['Id'];
      channel_id: components['schemas']['Id'];
      topic: string;
    };
    SoundboardSound: {
      sound_id: components['schemas']['Id'];
      name: string;
      volume: number;
      emoji_id?: null | components['schemas']['Id'];
      emoji_name?: string | null;
      guild_id?: components['schemas']['Id'];
      available?: boolean;
      user?: components['schemas']['User'];
    };
    InviteGuild: {
      id: components['schemas']['Id'];
      name: string;
      icon?: string | null;
      description?: string | null;
    };
    InviteChannel: {
      id: components['schemas']['Id'];
      type: number;
      name?: string | null;
    };
    Invite: {
      code: string;
      guild?: components['schemas']['InviteGuild'];
      channel?: components['schemas']['InviteChannel'];
      inviter?: components['schemas']['User'];
      expires_at?: string | null;
      approximate_member_count?: number | null;
      approximate_presence_count?: number | null;
      uses?: number;
      max_uses?: number;
      max_age?: number;
      temporary?: boolean;
      created_at?: string;
    };
    AuditChange: {
      key: string | null;
      old_value?: unknown;
      new_value?: unknown;
    };
    AuditEntry: {
      id: components['schemas']['Id'];
      action_type: number;
      user_id: null | components['schemas']['Id'];
      target_id: null | components['schemas']['Id'];
      changes?: components['schemas']['AuditChange'][];
      options?: {
        [key: string]: string;
      };
      reason?: string;
    };
    Ban: {
      user: components['schemas']['User'];
      reason: string | null;
    };
    Webhook: {
      id: components['schemas']['Id'];
      type: number;
      name: string;
      avatar?: string | null;
      channel_id?: null | components['schemas']['Id'];
      token?: string;
      url?: string;
      user?: components['schemas']['User'];
    };
    Integration: {
      id: components['schemas']['Id'];
      name: string | null;
      type: string;
      user?: components['schemas']['User'];
      application?: components['schemas']['IntegrationApplication'];
    };
    IntegrationApplication: {
      id: components['schemas']['Id'];
      name: string;
      icon?: string | null;
      bot?: components['schemas']['User'];
    };
    Choice: {
      name: string;
      value: string | number;
      name_localizations?: {
        [key: string]: string;
      } | null;
    };
    CommandOption: {
      type: number;
      name: string;
      description: string;
      name_localizations?: {
        [key: string]: string;
      } | null;
      description_localizations?: {
        [key: string]: string;
      } | null;
      required?: boolean;
      choices?: components['schemas']['Choice'][];
      options?: components['schemas']['CommandOption'][];
      channel_types?: number[];
      min_value?: number;
      max_value?: number;
      min_length?: number;
      max_length?: number;
      autocomplete?: boolean;
    };
    Command: {
      id: components['schemas']['Id'];
      type: number;
      application_id: components['schemas']['Id'];
      name: string;
      description: string;
      name_localizations?: {
        [key: string]: string;
      } | null;
      description_localizations?: {
        [key: string]: string;
      } | null;
      options?: components['schemas']['CommandOption'][];
      version?: components['schemas']['Id'];
      guild_id?: components['schemas']['Id'];
    };
    Application: {
      id: components['schemas']['Id'];
      name: string;
      icon?: string | null;
      description?: string;
      bot?: components['schemas']['User'];
      bot_public?: boolean;
      flags?: number;
      interactions_endpoint_url?: string | null;
      tags?: string[];
      approximate_guild_count?: number;
      verify_key?: string;
    };
  };
  responses: never;
  parameters: never;
  requestBodies: never;
  headers: never;
  pathItems: never;
}
export type Id = components['schemas']['Id'];
export type User = components['schemas']['User'];
export type Role = components['schemas']['Role'];
export type RoleTags = components['schemas']['RoleTags'];
export type WireMember = components['schemas']['WireMember'];
export type Overwrite = components['schemas']['Overwrite'];
export type ForumTag = components['schemas']['ForumTag'];
export type DefaultReaction = components['schemas']['DefaultReaction'];
export type ThreadMetadata = components['schemas']['ThreadMetadata'];
export type ThreadMember = components['schemas']['ThreadMember'];
export type WireChannel = components['schemas']['WireChannel'];
export type Emoji = components['schemas']['Emoji'];
export type Sticker = components['schemas']['Sticker'];
export type StickerItem = components['schemas']['StickerItem'];
export type Attachment = components['schemas']['Attachment'];
export type EmbedMedia = components['schemas']['EmbedMedia'];
export type EmbedAuthor = components['schemas']['EmbedAuthor'];
export type EmbedFooter = components['schemas']['EmbedFooter'];
export type EmbedProvider = components['schemas']['EmbedProvider'];
export type EmbedField = components['schemas']['EmbedField'];
export type Embed = components['schemas']['Embed'];
export type Reaction = components['schemas']['Reaction'];
export type PollMedia = components['schemas']['PollMedia'];
export type PollAnswer = components['schemas']['PollAnswer'];
export type PollCount = components['schemas']['PollCount'];
export type PollResults = components['schemas']['PollResults'];
export type Poll = components['schemas']['Poll'];
export type MediaItem = components['schemas']['MediaItem'];
export type GalleryItem = components['schemas']['GalleryItem'];
export type SelectOption = components['schemas']['SelectOption'];
export type DefaultValue = components['schemas']['DefaultValue'];
export type WireComponent = components['schemas']['WireComponent'];
export type MessageReference = components['schemas']['MessageReference'];
export type MessageCall = components['schemas']['MessageCall'];
export type WireMessage = components['schemas']['WireMessage'];
export type WireGuild = components['schemas']['WireGuild'];
export type WelcomeChannel = components['schemas']['WelcomeChannel'];
export type WelcomeScreen = components['schemas']['WelcomeScreen'];
export type OnboardingOption = components['schemas']['OnboardingOption'];
export type OnboardingPrompt = components['schemas']['OnboardingPrompt'];
export type Onboarding = components['schemas']['Onboarding'];
export type VoiceState = components['schemas']['VoiceState'];
export type StageInstance = components['schemas']['StageInstance'];
export type SoundboardSound = components['schemas']['SoundboardSound'];
export type InviteGuild = components['schemas']['InviteGuild'];
export type InviteChannel = components['schemas']['InviteChannel'];
export type Invite = components['schemas']['Invite'];
export type AuditChange = components['schemas']['AuditChange'];
export type AuditEntry = components['schemas']['AuditEntry'];
export type Ban = components['schemas']['Ban'];
export type Webhook = components['schemas']['Webhook'];
export type Integration = components['schemas']['Integration'];
export type IntegrationApplication = components['schemas']['IntegrationApplication'];
export type Choice = components['schemas']['Choice'];
export type CommandOption = components['schemas']['CommandOption'];
export type Command = components['schemas']['Command'];
export type Application = components['schemas']['Application'];
