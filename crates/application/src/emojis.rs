//! Emojis of an application, for its bot to use anywhere.

use consort_actor::{Cx, Outcome, Stop};
use consort_files::{name, orphans};
use consort_model::limits::APPLICATION_EMOJIS_MAX;
use consort_model::{ApiError, Emoji, EmojiId};
use consort_rpc::application::EmojiOp as Op;
use consort_store::{Range, Table};

use crate::{Application, keys};

impl Application {
    pub(crate) fn handle_emoji(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::List => Outcome::json(&self.emojis(cx)?),
            Op::Get { emoji } => Outcome::json(&self.emoji(cx, *emoji)?),
            Op::Add { emoji } => {
                if self.emojis(cx)?.len() >= APPLICATION_EMOJIS_MAX {
                    return Err(ApiError::max_emojis().into());
                }
                self.keep(cx, emoji)
            }
            Op::Rename { emoji, name } => {
                let emoji = Emoji { name: name.clone(), ..self.emoji(cx, *emoji)? };
                self.keep(cx, &emoji)
            }
            Op::Remove { emoji } => {
                self.emoji(cx, *emoji)?;
                cx.delete(Table::Applications, self.id.get(), keys::emoji(*emoji));
                orphans::release(&mut cx.batch, &name::emoji(emoji.get()), cx.now_ms);
                Outcome::EMPTY
            }
        }
    }

    pub(crate) fn emojis(&self, cx: &mut Cx<'_>) -> Result<Vec<Emoji>, Stop> {
        let range = Range::prefix(keys::EMOJIS, APPLICATION_EMOJIS_MAX);
        let rows = cx.scan_rows(Table::Applications, self.id.get(), range)?;
        Ok(rows.into_iter().map(|(_, emoji)| emoji).collect())
    }

    fn emoji(&self, cx: &mut Cx<'_>, id: EmojiId) -> Result<Emoji, Stop> {
        let found = cx.row(Table::Applications, self.id.get(), keys::emoji(id))?;
        Ok(found.ok_or_else(ApiError::unknown_emoji)?)
    }

    fn keep(&self, cx: &mut Cx<'_>, emoji: &Emoji) -> Result<Outcome, Stop> {
        orphans::claim(&mut cx.batch, &name::emoji(emoji.id.get()));
        cx.put(Table::Applications, self.id.get(), keys::emoji(emoji.id), emoji);
        Outcome::json(emoji)
    }
}
