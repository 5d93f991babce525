//! Which owner a channel has.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use consort_model::{ApiError, ChannelId, GuildId};
use consort_store::{Key, StoreExt as _, StoreRef, Table};
use serde::{Deserialize, Serialize};

use crate::Failure;

/// Channels remembered; beyond it all are forgotten and read again.
const CHANNELS_MAX: usize = 100_000;

/// The owner of a channel's conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelOwner {
    /// A guild.
    Guild(GuildId),
    /// The channel itself: a DM or a group DM.
    Private,
}

/// The row of [`Table::ChannelIndex`]; partition is the channel's id, the key is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelIndexRow {
    /// The guild, or `None` for a private channel.
    pub guild: Option<GuildId>,
}

/// Remembers where channels are. A channel never changes its owner, so an entry cannot become wrong; of a deleted channel
/// the owner itself says so.
#[derive(Debug, Default)]
pub struct ChannelOwners(Mutex<HashMap<ChannelId, ChannelOwner>>);

impl ChannelOwners {
    /// Finds a channel's owner.
    ///
    /// # Errors
    /// 404/10003 when there is no such channel, 503 when the store fails.
    pub async fn find(&self, store: &StoreRef, channel: ChannelId) -> Result<ChannelOwner, Failure> {
        if let Some(place) = self.lock().get(&channel) {
            return Ok(*place);
        }
        let row: Option<ChannelIndexRow> =
            store.get_row(Table::ChannelIndex, channel.get(), Key::empty()).await?;
        let row = row.ok_or_else(ApiError::unknown_channel)?;
        let place = row.guild.map_or(ChannelOwner::Private, ChannelOwner::Guild);
        let mut places = self.lock();
        if places.len() >= CHANNELS_MAX {
            places.clear();
        }
        places.insert(channel, place);
        Ok(place)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ChannelId, ChannelOwner>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
