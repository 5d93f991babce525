//! The files of messages.

use consort_model::{Embed, Message, MessageFlags};
use consort_store::Batch;

use crate::links::AttachmentPath;
use crate::orphans;

/// The files that are gone when a stored message is: those it was posted with. A copy of an announcement shows the files of
/// the announcement and has none of its own.
pub fn of_message(message: &Message) -> impl Iterator<Item = AttachmentPath<'_>> {
    let own = !message.flags.contains(MessageFlags::IS_CROSSPOST);
    let listed = message.attachments.iter().map(|attachment| attachment.url.as_str());
    let forwarded = message.message_snapshots.iter().flat_map(|snapshot| {
        let listed = snapshot.message.attachments.iter().map(|attachment| attachment.url.as_str());
        listed.chain(snapshot.message.embeds.iter().flat_map(addresses))
    });
    listed.chain(forwarded).filter(move |_| own).filter_map(AttachmentPath::parse)
}

/// Where an embed's pictures are.
fn addresses(embed: &Embed) -> impl Iterator<Item = &str> {
    let media = [&embed.image, &embed.thumbnail, &embed.video].into_iter().flatten();
    let icons = [
        embed.footer.as_ref().and_then(|footer| footer.icon_url.as_ref()),
        embed.author.as_ref().and_then(|author| author.icon_url.as_ref()),
    ];
    media.filter_map(|media| media.url.as_deref()).chain(icons.into_iter().flatten().map(String::as_str))
}

/// The files of a message are its own from this commit on.
pub fn claim_files(batch: &mut Batch, message: &Message) {
    of_message(message).for_each(|file| orphans::claim(batch, &file.blob()));
}

/// A message has become another, or is gone: the files that only the former had belong to nothing from this commit on.
pub fn release_files(batch: &mut Batch, before: &Message, after: Option<&Message>, now_ms: u64) {
    let kept: Vec<_> = after.into_iter().flat_map(of_message).map(|file| file.attachment).collect();
    for file in of_message(before).filter(|file| !kept.contains(&file.attachment)) {
        orphans::release(batch, &file.blob(), now_ms);
    }
}
