//! Emojis of an application, for its bot to use anywhere.

use consort_files::{name as blob, orphans};
use consort_model::{ApiError, ApplicationId, Emoji, EmojiId, Image, PartialEmoji, User};
use consort_rpc::guild::emoji::{EMOJI_INDEX_KEY, IndexRow, Op};
use consort_rpc::{Caller, guild};
use consort_store::{Batch, Key, Range, StoreExt as _, Table};

use crate::{App, Failure};

/// Emojis of one application (Emoji, "Application-Owned Emoji").
const EMOJIS_MAX: usize = 2000;
/// First byte of their keys beside the application's own rows ([`Table::Applications`], partition: the application).
const PREFIX: &[u8] = b"e";

fn key(id: EmojiId) -> Key {
    Key::bytes(&[PREFIX, &id.get().to_be_bytes()].concat())
}

impl App {
    /// An application's emojis, oldest first.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn application_emojis(&self, application: ApplicationId) -> Result<Vec<Emoji>, Failure> {
        let range = Range::prefix(PREFIX, EMOJIS_MAX);
        let rows = self.store.scan_rows(Table::Applications, application.get(), range).await?;
        Ok(rows.into_iter().map(|(_, emoji)| emoji).collect())
    }

    /// One of an application's emojis.
    ///
    /// # Errors
    /// 404/10014 when there is none.
    pub async fn application_emoji(&self, application: ApplicationId, id: EmojiId) -> Result<Emoji, Failure> {
        let row = self.store.get_row(Table::Applications, application.get(), key(id)).await?;
        Ok(row.ok_or_else(ApiError::unknown_emoji)?)
    }

    /// An emoji of the caller's application, or of a guild it is in and may use it of.
    ///
    /// # Errors
    /// 503 when the store fails or the guild does not answer.
    pub async fn external_emoji(&self, caller: Caller, id: EmojiId) -> Result<Option<PartialEmoji>, Failure> {
        if let Some(application) = caller.application.filter(|_| caller.bot) {
            let row: Option<Emoji> =
                self.store.get_row(Table::Applications, application.get(), key(id)).await?;
            if let Some(emoji) = row {
                let (id, name) = (Some(emoji.id), Some(emoji.name));
                return Ok(Some(PartialEmoji { id, name, animated: emoji.animated }));
            }
        }
        let index: Option<IndexRow> =
            self.store.get_row(Table::GuildMisc, id.get(), Key::text(EMOJI_INDEX_KEY)).await?;
        let Some(IndexRow { guild }) = index else { return Ok(None) };
        let op = guild::Op::Emoji(Op::Usable { emoji: id });
        match self.guilds.call(guild.get(), caller, op).await {
            Ok(answer) => Ok(answer.body().and_then(|body| serde_json::from_slice(body).ok())),
            Err(error) if error.status >= 500 => Err(Failure(error)),
            Err(_) => Ok(None),
        }
    }

    /// Adds an emoji.
    ///
    /// # Errors
    /// 400/30008 when there are too many, 400/50046 when the image is none.
    pub async fn create_application_emoji(
        &self,
        application: ApplicationId,
        name: String,
        image: Image,
        user: User,
    ) -> Result<Emoji, Failure> {
        if self.application_emojis(application).await?.len() >= EMOJIS_MAX {
            return Err(Failure(ApiError::max_emojis()));
        }
        let id = EmojiId::new(self.next_id());
        let animated = self.cdn.put_emoji(id.get(), image).await?;
        let emoji = Emoji {
            id,
            name,
            roles: Vec::new(),
            user: Some(user),
            require_colons: true,
            managed: false,
            animated,
            available: true,
        };
        self.keep_emoji(application, &emoji).await?;
        Ok(emoji)
    }

    /// Gives an emoji another name.
    ///
    /// # Errors
    /// 404/10014 when there is none.
    pub async fn rename_application_emoji(
        &self,
        application: ApplicationId,
        id: EmojiId,
        name: String,
    ) -> Result<Emoji, Failure> {
        let emoji = Emoji { name, ..self.application_emoji(application, id).await? };
        self.keep_emoji(application, &emoji).await?;
        Ok(emoji)
    }

    async fn keep_emoji(&self, application: ApplicationId, emoji: &Emoji) -> Result<(), Failure> {
        let mut batch = Batch::new();
        batch.require_present(Table::Applications, application.get(), Key::empty());
        orphans::claim(&mut batch, &blob::emoji(emoji.id.get()));
        batch.put_row(Table::Applications, application.get(), key(emoji.id), emoji);
        Ok(self.store.commit(batch).await?)
    }

    /// Removes an emoji and its image.
    ///
    /// # Errors
    /// 404/10014 when there is none.
    pub async fn remove_application_emoji(
        &self,
        application: ApplicationId,
        id: EmojiId,
    ) -> Result<(), Failure> {
        self.application_emoji(application, id).await?;
        let mut batch = Batch::new();
        batch.delete(Table::Applications, application.get(), key(id));
        orphans::release(&mut batch, &blob::emoji(id.get()), self.now_ms());
        Ok(self.store.commit(batch).await?)
    }
}
