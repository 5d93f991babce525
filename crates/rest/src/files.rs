//! How the files of a request come to be stored: noted first, then written, then taken by the owner with what shows them,
//! or given up.

use consort_cdn::{Kind, Links, StoredAttachment};
use consort_files::{AttachmentPath, name};
use consort_model::limits::ATTACHMENTS_MAX;
use consort_model::request::message::AttachmentRequest;
use consort_model::{
    ApiError, Attachment, AttachmentId, ChannelId, Component, Embed, FormErrors, Image, Message, Patch,
    UserId,
};
use consort_rpc::Reply;

use crate::{App, Failure, UploadedFile};

/// A file to be stored, with what the request says of it.
#[derive(Debug)]
pub(crate) struct NewFile {
    source: Source,
    name: String,
    said: AttachmentRequest,
}

#[derive(Debug)]
enum Source {
    /// It came with the request.
    Here(bytes::Bytes),
    /// It was uploaded before, under this name.
    Uploaded(String),
}

/// Brings the files of a request together with what `attachments` says of them. Files that nothing is said of count too.
///
/// # Errors
/// 400/50035 at `attachments.N.id` for an entry without a file, 400/30015 for too many files.
pub(crate) fn take_files(
    mut files: Vec<UploadedFile>,
    wanted: &[AttachmentRequest],
) -> Result<Vec<NewFile>, ApiError> {
    let mut errors = FormErrors::new();
    let mut taken = Vec::new();
    for (index, said) in wanted.iter().enumerate() {
        let (source, name) = match &said.uploaded_filename {
            Some(uploaded) => {
                let own = uploaded.rsplit('/').next().unwrap_or_default().to_owned();
                (Source::Uploaded(uploaded.clone()), own)
            }
            None => match files.iter().position(|file| file.index == said.id) {
                Some(position) => {
                    let file = files.remove(position);
                    (Source::Here(file.bytes), file.name)
                }
                None => {
                    let message = "The attachment has no file.";
                    errors.push(&format!("attachments.{index}.id"), "ATTACHMENT_NOT_FOUND", message);
                    continue;
                }
            },
        };
        let name = said.filename.clone().unwrap_or(name);
        taken.push(NewFile { source, name, said: said.clone() });
    }
    if !errors.is_empty() {
        return Err(errors.into());
    }
    taken.extend(files.into_iter().map(|file| NewFile {
        source: Source::Here(file.bytes),
        name: file.name,
        said: AttachmentRequest::default(),
    }));
    if taken.len() > ATTACHMENTS_MAX { Err(ApiError::max_attachments()) } else { Ok(taken) }
}

/// What a request has stored, until its owner has answered.
#[derive(Debug, Default)]
#[must_use = "what is refused is to be given up"]
pub(crate) struct Kept {
    /// Blobs that the owner takes.
    blobs: Vec<String>,
    /// Uploads that are of no use when it has.
    uploads: Vec<String>,
}

impl Kept {
    /// Gives up what is not needed after the owner's answer. After one that may mean anything (5xx) nothing is: what nobody
    /// has taken is swept.
    pub(crate) async fn settle(self, app: &App, reply: &Reply) {
        match reply {
            Ok(_) => app.cdn.give_up(&self.uploads).await,
            Err(error) if error.status < 500 => app.cdn.give_up(&self.blobs).await,
            Err(_) => {}
        }
    }

    /// Stores an image of a patch; its hash takes its place.
    ///
    /// # Errors
    /// As [`consort_cdn::Cdn::put_image`].
    pub(crate) async fn put_image(
        &mut self,
        app: &App,
        kind: Kind,
        owner: u64,
        image: Patch<Image>,
    ) -> Result<Patch<String>, Failure> {
        Ok(match image {
            Patch::Absent => Patch::Absent,
            Patch::Null => Patch::Null,
            Patch::Value(image) => {
                let stored = app.cdn.put_image(kind, owner, image).await;
                if stored.is_err() {
                    // Those before it are of no use without it.
                    app.cdn.give_up(&std::mem::take(&mut self.blobs)).await;
                }
                let hash = stored?;
                self.blobs.push(name::image(kind, owner, &hash));
                Patch::Value(hash)
            }
        })
    }

    /// Notes a blob that was stored, for its owner to take.
    pub(crate) fn add(&mut self, blob: String) {
        self.blobs.push(blob);
    }

    /// Stores files of a message to come in `channel` by `user`.
    ///
    /// # Errors
    /// 400/50146 for an upload that is gone or another's, 507 without room, 503 when the disk fails.
    pub(crate) async fn put_files(
        &mut self,
        app: &App,
        (channel, user): (ChannelId, UserId),
        files: Vec<NewFile>,
    ) -> Result<Vec<Attachment>, Failure> {
        let files: Vec<_> = files.into_iter().map(|file| (AttachmentId::new(app.next_id()), file)).collect();
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let blobs: Vec<_> = files.iter().map(|(id, _)| name::attachment(channel.get(), id.get())).collect();
        app.cdn.reserve_attachments(&blobs).await?;
        self.blobs.extend(blobs);
        let mut attachments = Vec::with_capacity(files.len());
        for (id, NewFile { source, name, said }) in files {
            let stored = match source {
                Source::Here(bytes) => app.cdn.put_attachment(channel, id, &name, bytes).await,
                Source::Uploaded(uploaded) => self.claim(app, (channel, user, id), &uploaded, &name).await,
            };
            match stored {
                Ok(stored) => attachments.push(attachment(stored, said)),
                Err(error) => {
                    app.cdn.give_up(&self.blobs).await;
                    return Err(Failure(error));
                }
            }
        }
        Ok(attachments)
    }

    async fn claim(
        &mut self,
        app: &App,
        (channel, user, id): (ChannelId, UserId, AttachmentId),
        uploaded: &str,
        name: &str,
    ) -> Result<StoredAttachment, ApiError> {
        let blob = app.cdn.uploaded_blob(uploaded, channel, user)?;
        let stored = app.cdn.claim_upload(&blob, channel, id, name).await?;
        self.uploads.push(blob);
        Ok(stored)
    }

    /// Gives a message that is to be forwarded to `channel` files of its own, so that they stay when those of the first are
    /// gone. The message is as it was shown to who forwards it.
    ///
    /// # Errors
    /// 507 without room, 503 when the disk fails.
    pub(crate) async fn copy_files(
        &mut self,
        app: &App,
        channel: ChannelId,
        message: &mut Message,
    ) -> Result<(), Failure> {
        let links = app.cdn.links();
        let mut wanted = Copies { channel, pairs: Vec::new() };
        wanted.take(app, links, &mut message.embeds, &mut message.components, &mut message.attachments);
        for snapshot in &mut message.message_snapshots {
            let inner = &mut snapshot.message;
            wanted.take(app, links, &mut inner.embeds, &mut inner.components, &mut inner.attachments);
        }
        if wanted.pairs.is_empty() {
            return Ok(());
        }
        let blob = |path: &str| AttachmentPath::parse(path).map(|path| path.blob());
        let blobs: Vec<_> = wanted.pairs.iter().filter_map(|(_, to)| blob(to)).collect();
        app.cdn.reserve_attachments(&blobs).await?;
        self.blobs.extend(blobs);
        for (from, to) in &wanted.pairs {
            let (Some(from), Some(to)) = (AttachmentPath::parse(from), AttachmentPath::parse(to)) else {
                continue;
            };
            // A file that has gone meanwhile is shown as one that is gone.
            let _there = app.cdn.copy_attachment(&from, &to).await?;
        }
        Ok(())
    }
}

/// Files to be copied, as paths.
struct Copies {
    channel: ChannelId,
    pairs: Vec<(String, String)>,
}

impl Copies {
    fn take(
        &mut self,
        app: &App,
        links: &Links,
        embeds: &mut [Embed],
        components: &mut [Component],
        attachments: &mut [Attachment],
    ) {
        links.take_back(&mut [], components, attachments);
        links.take_back(embeds, &mut [], &[]);
        for attachment in attachments {
            let Some(from) = links.own(&attachment.url) else { continue };
            let to = self.copy(app, &from);
            let path = to.to_string();
            attachment.id = AttachmentId::new(to.attachment);
            attachment.proxy_url.clear();
            self.pairs.push((from.to_string(), path.clone()));
            attachment.url = path;
        }
        let addresses = embeds.iter_mut().flat_map(|embed| {
            let media = [&mut embed.image, &mut embed.thumbnail, &mut embed.video].into_iter().flatten();
            let icons = [
                embed.footer.as_mut().map(|footer| &mut footer.icon_url),
                embed.author.as_mut().map(|author| &mut author.icon_url),
            ];
            media.map(|media| &mut media.url).chain(icons.into_iter().flatten())
        });
        for url in addresses {
            let Some(from) = url.as_deref().and_then(AttachmentPath::parse) else { continue };
            let to = self.copy(app, &from).to_string();
            self.pairs.push((from.to_string(), to.clone()));
            *url = Some(to);
        }
    }

    fn copy<'a>(&self, app: &App, from: &AttachmentPath<'a>) -> AttachmentPath<'a> {
        AttachmentPath { channel: self.channel.get(), attachment: app.next_id(), filename: from.filename }
    }
}

/// The attachment of a stored file, with what the request says of it.
fn attachment(stored: StoredAttachment, said: AttachmentRequest) -> Attachment {
    use consort_model::request::message::SPOILER_PREFIX;
    let hidden = said.is_spoiler == Some(true) || stored.filename.starts_with(SPOILER_PREFIX);
    let mut attachment = Attachment {
        id: stored.id,
        filename: stored.filename,
        size: stored.size,
        url: stored.path,
        proxy_url: String::new(),
        title: said.title.clone().or(stored.title),
        description: None,
        content_type: stored.content_type,
        width: stored.width,
        height: stored.height,
        ephemeral: false,
        duration_secs: said.duration_secs,
        waveform: said.waveform.clone(),
        flags: None,
    };
    AttachmentRequest { is_spoiler: hidden.then_some(true), ..said }.apply(&mut attachment);
    attachment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(index: u64, name: &str) -> UploadedFile {
        UploadedFile {
            index,
            name: name.to_owned(),
            content_type: None,
            bytes: bytes::Bytes::from_static(b"x"),
        }
    }

    fn said(id: u64, filename: Option<&str>) -> AttachmentRequest {
        AttachmentRequest { id, filename: filename.map(str::to_owned), ..AttachmentRequest::default() }
    }

    #[test]
    fn files_are_matched_by_number_and_the_rest_is_kept() {
        let files = vec![file(0, "a.txt"), file(1, "b.txt"), file(2, "c.txt")];
        let taken = take_files(files, &[said(2, Some("renamed.txt")), said(0, None)]).unwrap();
        let names: Vec<_> = taken.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["renamed.txt", "a.txt", "b.txt"]);
    }

    #[test]
    fn an_entry_without_a_file_is_refused_by_its_path() {
        let error = take_files(vec![file(0, "a")], &[said(0, None), said(5, None)]).unwrap_err();
        assert_eq!(error.code, 50035);
        assert_eq!(error.errors.unwrap().get("attachments.1.id")[0].code, "ATTACHMENT_NOT_FOUND");
    }
}
