//! Tags of forums, one by one, and their emojis. Changes of all of them are changes of the channel.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ApiError, Channel, ChannelId, EmojiId, Form, ForumTag, Id, Permissions, limits};
use consort_rpc::guild::channel::Update;
use serde_json::{Value, json};

use super::Guild;

impl Guild {
    pub(super) fn add_tag(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        tag: &Value,
    ) -> Result<Outcome, Stop> {
        self.edit_tags(cx, channel, |tags| {
            if tags.len() >= limits::FORUM_TAGS_MAX {
                let text = format!("Must be {} or fewer in length.", limits::FORUM_TAGS_MAX);
                return Err(ApiError::invalid_field("available_tags", "BASE_TYPE_MAX_LENGTH", text));
            }
            tags.push(without_id(tag));
            Ok(())
        })
    }

    pub(super) fn replace_tag(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        id: Id<()>,
        tag: &Value,
    ) -> Result<Outcome, Stop> {
        self.edit_tags(cx, channel, |tags| {
            let old = tags.iter_mut().find(|old| old["id"] == json!(id)).ok_or_else(ApiError::unknown_tag)?;
            *old = without_id(tag);
            old["id"] = json!(id);
            Ok(())
        })
    }

    pub(super) fn remove_tag(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        id: Id<()>,
    ) -> Result<Outcome, Stop> {
        self.edit_tags(cx, channel, |tags| {
            let place =
                tags.iter().position(|old| old["id"] == json!(id)).ok_or_else(ApiError::unknown_tag)?;
            tags.remove(place);
            Ok(())
        })
    }

    fn edit_tags(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        edit: impl FnOnce(&mut Vec<Value>) -> Result<(), ApiError>,
    ) -> Result<Outcome, Stop> {
        let found = self.channel(channel)?;
        self.require_in(cx, channel, Permissions::MANAGE_CHANNELS)?;
        if !found.kind.is_forum() {
            return Err(ApiError::wrong_channel_type().into());
        }
        let mut tags: Vec<_> = found.available_tags.iter().flatten().map(|tag| json!(tag)).collect();
        edit(&mut tags)?;
        self.update_channel(cx, channel, &Update { available_tags: Some(tags), ..Update::default() })
    }
}

impl Guild {
    /// Tags and the default reaction of a forum are shown with emojis of the guild (Channel, "Forum Tag Object" and "Default
    /// Reaction Object"). One that was there before may have been deleted since, and stays.
    pub(super) fn require_emojis(&self, channel: &Channel, before: Option<&Channel>) -> Result<(), ApiError> {
        let errors = Form::empty();
        for (path, emoji) in emojis_of(channel) {
            let was_there = || before.is_some_and(|before| emojis_of(before).any(|(_, old)| old == emoji));
            if !self.emojis.contains_key(&emoji) && !was_there() {
                errors.error(&path, "INVALID_EMOJI", "Invalid emoji");
            }
        }
        errors.finish()
    }
}

/// The custom emojis of a forum, each with its path in a form.
fn emojis_of(channel: &Channel) -> impl Iterator<Item = (String, EmojiId)> {
    let tags = channel.available_tags.iter().flatten().enumerate();
    let tags = tags.filter_map(|(n, tag)| Some((format!("available_tags.{n}.emoji_id"), tag.emoji_id?)));
    let reaction = channel.default_reaction_emoji.as_ref().and_then(|reaction| reaction.emoji_id);
    tags.chain(reaction.map(|emoji| ("default_reaction_emoji.emoji_id".to_owned(), emoji)))
}

fn without_id(tag: &Value) -> Value {
    let mut tag = tag.clone();
    tag["id"] = Value::Null;
    tag
}

/// Tags as asked for. One that has the id of a tag there is stays that tag, once; every other is new and gets an id of `ids`,
/// whatever id it was sent with. No two have one name (40061).
pub(super) fn resolve(
    wanted: &[Value],
    present: &[ForumTag],
    mut ids: impl FnMut() -> Id<()>,
) -> Result<Vec<ForumTag>, ApiError> {
    let mut tags: Vec<ForumTag> = Vec::with_capacity(wanted.len());
    for tag in wanted {
        let text = |key: &str| tag.get(key).and_then(Value::as_str).map(str::to_owned);
        let Some(name) = text("name") else { continue };
        if tags.iter().any(|tag| tag.name == name) {
            return Err(ApiError::tag_names_unique());
        }
        let has = |tags: &[ForumTag], id: Id<()>| tags.iter().any(|tag| tag.id == id);
        let kept = text("id").and_then(|id| id.parse().ok());
        let kept = kept.filter(|id| has(present, *id) && !has(&tags, *id));
        let mut new = || loop {
            let id = ids();
            if !has(present, id) && !has(&tags, id) {
                return id;
            }
        };
        tags.push(ForumTag {
            id: kept.unwrap_or_else(&mut new),
            name,
            moderated: tag.get("moderated").and_then(Value::as_bool).unwrap_or(false),
            emoji_id: text("emoji_id").and_then(|id| id.parse().ok()),
            emoji_name: text("emoji_name"),
        });
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_keep_their_ids_once_and_nobody_chooses_one() {
        let mut next = 9;
        let mut resolved = |wanted: Value, present: &[ForumTag]| {
            let ids = || {
                next += 1;
                Id::new(next)
            };
            resolve(wanted.as_array().unwrap(), present, ids).unwrap()
        };
        let ids = |tags: &[ForumTag]| tags.iter().map(|tag| tag.id.get()).collect::<Vec<_>>();
        let first = resolved(json!([{"name": "a"}, {"name": "b", "id": "18446744073709551615"}]), &[]);
        assert_eq!(ids(&first), [10, 11]);
        let wanted = json!([{"name": "c", "id": "11"}, {"name": "d", "id": "11"}, {"name": "e", "id": "12"}]);
        let then = resolved(wanted, &first);
        assert_eq!(ids(&then), [11, 12, 13], "the one there was, and two new ones");
        assert_eq!(then[0].name, "c");
        // A tag that was taken away leaves its id to nobody.
        assert_eq!(ids(&resolved(json!([{"name": "f"}]), &then)), [14]);
    }

    #[test]
    fn no_two_tags_have_one_name() {
        let twice = [json!({"name": "a"}), json!({"name": "a"})];
        assert_eq!(resolve(&twice, &[], || Id::new(1)).unwrap_err().code, 40061);
    }
}
