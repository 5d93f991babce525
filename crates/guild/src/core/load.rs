//! From rows to the living guild.

use std::collections::BTreeSet;

use consort_conversation::read_polls;
use consort_model::{
    AutoModerationRule, Channel, Emoji, GuildId, Role, ScheduledEvent, SoundboardSound, Sticker,
    ThreadMember, UserId, Webhook,
};
use consort_rpc::guild::everyone;
use consort_store::{Error, Key, Range, StoreExt, StoreRef, Table};
use serde::de::DeserializeOwned;

use super::follow::{FOLLOW, key_follow};
use super::invites::InviteRow;
use super::members::{SEEN, TEMPORARY, key_member, still_in};
use super::numbers::Numbers;
use super::shown::Shown;
use super::stages::{STAGE, Stage};
use super::voice::{Speaker, VOICE};
use super::{Guild, Phase, Thread};

/// Rows read at a time while loading.
const PAGE_ROWS: usize = 5_000;

/// Reads a guild; `None` when there is none.
pub(super) async fn load(id: GuildId, store: StoreRef, now_ms: u64) -> Result<Option<Guild>, Error> {
    let info: Option<consort_model::Guild> = store.get_row(Table::Guilds, id.get(), Key::empty()).await?;
    let Some(info) = info else { return Ok(None) };
    let mut guild = Guild { info: Shown::new(info), phase: Phase::Live, ..Guild::empty(id) };
    let rows = Rows { store: &store, guild: id };
    rows.each(Table::Roles, |role: Role| drop(guild.roles.insert(role.id, role))).await?;
    rows.each(Table::Channels, |channel: Channel| drop(guild.channels.insert(channel.id, channel))).await?;
    let mut members = store.pages(Table::Members, id.get(), Range::all(PAGE_ROWS));
    while let Some(page) = members.next().await? {
        for row in page {
            // A role that is deleted is not taken out of the rows of its members.
            guild.members.insert_row(&row.value, |role| guild.roles.contains_key(role))?;
        }
    }
    rows.each(Table::Emojis, |emoji: Emoji| drop(guild.emojis.insert(emoji.id, emoji))).await?;
    rows.each(Table::Stickers, |sticker: Sticker| drop(guild.stickers.insert(sticker.id, sticker))).await?;
    rows.each(Table::Invites, |invite: InviteRow| drop(guild.invites.insert(invite.code.clone(), invite)))
        .await?;
    rows.each(Table::Webhooks, |webhook: Webhook| drop(guild.webhooks.insert(webhook.id, webhook))).await?;
    rows.each(Table::AutoMod, |rule: AutoModerationRule| guild.automod.restore(rule)).await?;
    read_events(&rows, &mut guild, now_ms).await?;
    rows.about_members(TEMPORARY, |user, _: bool| {
        guild.temporary.insert(user);
    })
    .await?;
    rows.about_members(SEEN, |user, day: u32| {
        guild.last_seen.insert(user, day);
    })
    .await?;
    rows.about_members(VOICE, |user, speaker: Speaker| {
        if guild.members.contains(user) {
            guild.voice.restore(user, speaker, now_ms);
        }
    })
    .await?;
    guild.note_all_attendance(now_ms);
    let polls = read_polls(&store, id.get()).await?;
    polls.into_iter().for_each(|poll| guild.talk.conversation.watch_poll(poll));
    rows.each_with(FOLLOW, |key, follower: GuildId| {
        if let Some(follow) = key_follow(&key) {
            guild.followers.insert(follow, follower);
        }
    })
    .await?;
    rows.each_with(everyone::PREFIX, |key, row: everyone::Row| {
        if let Some(channel) = everyone::channel_of(key.as_bytes()) {
            guild.everyone.insert(channel, row);
        }
    })
    .await?;
    let mut active = Vec::new();
    rows.each(Table::Threads, |channel: Channel| {
        if channel.thread_metadata.as_ref().is_some_and(|meta| !meta.archived) {
            active.push(channel);
        }
    })
    .await?;
    for channel in active {
        let mut thread = Thread { channel, members: Default::default() };
        let members = store.pages(Table::ThreadMembers, thread.channel.id.get(), Range::all(PAGE_ROWS));
        each_of(members, |own: ThreadMember| {
            if still_in(&guild.members, &own) {
                thread.members.insert(own.user_id, own);
            }
        })
        .await?;
        guild.threads.insert(thread.channel.id, thread);
    }
    Ok(Some(Guild { numbers: Numbers::after(&store, id, now_ms).await?, ..guild }))
}

async fn read_sounds(rows: &Rows<'_>, guild: &mut Guild) -> Result<(), Error> {
    let put = |sound: SoundboardSound| drop(guild.sounds.insert(sound.sound_id, sound));
    rows.each(Table::Sounds, put).await
}

/// Sounds, stages, and scheduled events with who is interested.
async fn read_events(rows: &Rows<'_>, guild: &mut Guild, now_ms: u64) -> Result<(), Error> {
    read_sounds(rows, guild).await?;
    rows.each_with(STAGE, |_, stage: Stage| guild.stages.restore(stage)).await?;
    let mut events = Vec::new();
    rows.each(Table::Events, |event: ScheduledEvent| events.push(event)).await?;
    for event in events {
        let mut interested = BTreeSet::new();
        let mut people = rows.store.pages(Table::Events, event.id.get(), Range::all(PAGE_ROWS));
        while let Some(page) = people.next().await? {
            interested.extend(page.iter().filter_map(|row| row.key.to_id()).map(UserId::new));
        }
        guild.events.restore(event, interested, now_ms);
    }
    Ok(())
}

struct Rows<'a> {
    store: &'a StoreRef,
    guild: GuildId,
}

impl Rows<'_> {
    async fn each<T: DeserializeOwned>(&self, table: Table, take: impl FnMut(T)) -> Result<(), Error> {
        each_of(self.store.pages(table, self.guild.get(), Range::all(PAGE_ROWS)), take).await
    }

    async fn about_members<T: DeserializeOwned>(
        &self,
        prefix: &[u8],
        mut take: impl FnMut(UserId, T),
    ) -> Result<(), Error> {
        let take = |key: Key, row| {
            if let Some(user) = key_member(prefix, &key) {
                take(user, row);
            }
        };
        self.each_with(prefix, take).await
    }

    /// Rows of `Table::GuildMisc` whose keys begin with `prefix`.
    async fn each_with<T: DeserializeOwned>(
        &self,
        prefix: &[u8],
        mut take: impl FnMut(Key, T),
    ) -> Result<(), Error> {
        let range = Range::prefix(prefix, PAGE_ROWS);
        let mut pages = self.store.pages(Table::GuildMisc, self.guild.get(), range);
        while let Some(rows) = pages.next_rows::<T>().await? {
            rows.into_iter().for_each(|(key, row)| take(key, row));
        }
        Ok(())
    }
}

async fn each_of<T: DeserializeOwned>(
    mut pages: consort_store::Pages<'_, dyn consort_store::Store>,
    mut take: impl FnMut(T),
) -> Result<(), Error> {
    while let Some(rows) = pages.next_rows::<T>().await? {
        rows.into_iter().for_each(|(_, row)| take(row));
    }
    Ok(())
}
