//! Emojis of an application: their pictures are stored here, everything else is the owner's.

use consort_model::{ApplicationId, Emoji, EmojiId, Image, PartialEmoji, User};
use consort_rpc::application::{EmojiOp, Op};
use consort_rpc::guild::emoji::{EMOJI_INDEX_KEY, IndexRow, Op as GuildEmojiOp};
use consort_rpc::{Caller, guild};
use consort_store::{Key, StoreExt as _, Table};

use crate::reply::read;
use crate::{App, Failure};

impl App {
    /// An application's emojis, oldest first.
    ///
    /// # Errors
    /// 503 when the owner cannot be asked.
    pub async fn application_emojis(&self, application: ApplicationId) -> Result<Vec<Emoji>, Failure> {
        Ok(read(&self.ask_application(application, Op::Emoji(EmojiOp::List)).await?)?)
    }

    /// One of an application's emojis.
    ///
    /// # Errors
    /// 404/10014 when there is none.
    pub async fn application_emoji(
        &self,
        application: ApplicationId,
        emoji: EmojiId,
    ) -> Result<Emoji, Failure> {
        Ok(read(&self.ask_application(application, Op::Emoji(EmojiOp::Get { emoji })).await?)?)
    }

    /// An emoji of the caller's application, or of a guild it is in and may use it of.
    ///
    /// # Errors
    /// 503 when the store fails or the guild does not answer.
    pub async fn external_emoji(&self, caller: Caller, id: EmojiId) -> Result<Option<PartialEmoji>, Failure> {
        if let Some(application) = caller.application.filter(|_| caller.bot) {
            match self.application_emoji(application, id).await {
                Ok(emoji) => {
                    let (id, name) = (Some(emoji.id), Some(emoji.name));
                    return Ok(Some(PartialEmoji { id, name, animated: emoji.animated }));
                }
                Err(Failure(error)) if error.status >= 500 => return Err(Failure(error)),
                Err(_) => {}
            }
        }
        let index: Option<IndexRow> =
            self.store.get_row(Table::GuildMisc, id.get(), Key::text(EMOJI_INDEX_KEY)).await?;
        let Some(IndexRow { guild }) = index else { return Ok(None) };
        let op = guild::Op::Emoji(GuildEmojiOp::Usable { emoji: id });
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
        // A picture that nothing claims is swept.
        let added =
            self.ask_application(application, Op::Emoji(EmojiOp::Add { emoji: Box::new(emoji) })).await;
        Ok(read(&added?)?)
    }

    /// Gives an emoji another name.
    ///
    /// # Errors
    /// 404/10014 when there is none.
    pub async fn rename_application_emoji(
        &self,
        application: ApplicationId,
        emoji: EmojiId,
        name: String,
    ) -> Result<Emoji, Failure> {
        Ok(read(&self.ask_application(application, Op::Emoji(EmojiOp::Rename { emoji, name })).await?)?)
    }

    /// Removes an emoji and its image.
    ///
    /// # Errors
    /// 404/10014 when there is none.
    pub async fn remove_application_emoji(
        &self,
        application: ApplicationId,
        emoji: EmojiId,
    ) -> Result<(), Failure> {
        self.ask_application(application, Op::Emoji(EmojiOp::Remove { emoji })).await?;
        Ok(())
    }
}
