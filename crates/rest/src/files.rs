//! How the files of a message come to be stored.

use consort_model::limits::ATTACHMENTS_MAX;
use consort_model::request::message::AttachmentRequest;
use consort_model::{ApiError, Attachment, AttachmentId, ChannelId, FormErrors};

use crate::{App, Failure, Origin, UploadedFile};

/// Bit of an attachment's `flags`: hidden until clicked (community documentation, "Attachment Flags").
const SPOILER: u64 = 1 << 3;
const SPOILER_PREFIX: &str = "SPOILER_";

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

/// Stores files of a message to come.
///
/// # Errors
/// 400/50146 for an upload that is gone, 413/40005 for one that is too large, 5xx when the disk fails.
pub(crate) async fn keep_files(
    app: &App,
    origin: &Origin,
    channel: ChannelId,
    files: Vec<NewFile>,
) -> Result<Vec<Attachment>, Failure> {
    let mut attachments = Vec::with_capacity(files.len());
    for NewFile { source, name, said } in files {
        let id = AttachmentId::new(app.next_id());
        let spoiler = said.is_spoiler || name.starts_with(SPOILER_PREFIX);
        let name = match name.starts_with(SPOILER_PREFIX) {
            false if spoiler => format!("{SPOILER_PREFIX}{name}"),
            _ => name,
        };
        let stored = match source {
            Source::Here(bytes) => app.cdn.put_attachment(&origin.base, channel, id, &name, bytes).await?,
            Source::Uploaded(uploaded) => {
                app.cdn.claim_upload(&origin.base, &uploaded, channel, id, &name).await?
            }
        };
        attachments.push(Attachment {
            id: stored.id,
            filename: stored.filename,
            size: stored.size,
            url: stored.url,
            proxy_url: stored.proxy_url,
            title: said.title.or(stored.title),
            description: said.description,
            content_type: stored.content_type,
            width: stored.width,
            height: stored.height,
            ephemeral: false,
            duration_secs: said.duration_secs,
            waveform: said.waveform,
            flags: spoiler.then_some(SPOILER),
        });
    }
    Ok(attachments)
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
