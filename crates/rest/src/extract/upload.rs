//! Bodies with files: `multipart/form-data` with `payload_json` and `files[n]` (API Reference, "Uploading Files").

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use consort_model::ApiError;
use consort_model::limits::{ATTACHMENTS_MAX, BODY_BYTES_MAX, FILE_BYTES_MAX, REQUEST_BYTES_MAX};
use futures_util::Stream;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use multer::{Constraints, Field, Multipart, SizeLimit};
use serde_json::{Map, Value};

use super::arrival::{Arrival, Held};
use super::body::{self, Media, PAYLOAD_JSON};
use crate::{App, Failure};

/// Bytes of a body that is read before rights are asked, with what is around its JSON.
const SMALL_BYTES_MAX: usize = BODY_BYTES_MAX + (4 << 10);
/// Fields besides files.
const FIELDS_MAX: usize = 64;
/// How long a client may take to send its files.
const UPLOAD_DEADLINE: Duration = Duration::from_secs(120);

/// A file of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedFile {
    /// The `n` of `files[n]`; for `file` and other names the position among the files.
    pub index: u64,
    /// The name as sent, at most 260 characters.
    pub name: String,
    /// The type as sent.
    pub content_type: Option<String>,
    /// The content.
    pub bytes: Bytes,
}

/// A body with or without files. Plain JSON and urlencoded bodies come through as well.
#[derive(Debug, Default)]
pub struct Upload {
    /// `payload_json`, or the plain fields as an object of texts.
    pub payload: Value,
    /// The files in the order sent.
    pub files: Vec<UploadedFile>,
    /// Held while the files are in memory.
    _memory: Option<Held>,
}

/// A body that may hold files and has not been read yet: whoever may not send it is refused before.
#[derive(Debug)]
pub struct Unread(Request);

/// What is known of an [`Unread`] body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Reading it costs less than asking.
    Small,
    /// It does not say how large it is, and may hold files.
    Unknown,
    /// It is larger than any without files.
    Files,
}

impl Unread {
    /// How large the body says it is.
    pub fn size(&self) -> Size {
        let headers = self.0.headers();
        if Media::of(headers) != Media::Multipart {
            return Size::Small;
        }
        let says = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        match says {
            None => Size::Unknown,
            Some(bytes) if bytes > SMALL_BYTES_MAX => Size::Files,
            Some(_) => Size::Small,
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// As those of a body with files.
    pub async fn read(self, app: &Arc<App>) -> Result<Upload, Failure> {
        self.read_within(app, REQUEST_BYTES_MAX).await
    }

    /// Reads it, if it has no more than so many bytes.
    ///
    /// # Errors
    /// As those of a body with files.
    pub async fn read_within(self, app: &Arc<App>, bytes_max: usize) -> Result<Upload, Failure> {
        let (parts, body) = self.0.into_parts();
        if Media::of(&parts.headers) != Media::Multipart {
            let request = Request::from_parts(parts, body);
            let body::JsonBody(payload) = body::JsonBody::from_request(request, app).await?;
            return Ok(Upload { payload, files: Vec::new(), _memory: None });
        }
        let arrival = Arrival::begin(&parts, body, bytes_max)?;
        let memory = arrival.share();
        let read = tokio::time::timeout(UPLOAD_DEADLINE, read(&parts.headers, arrival.stream())).await;
        let (payload, files) = read.map_err(|_| ApiError::too_slow())??;
        Ok(Upload { payload, files, _memory: memory })
    }
}

impl FromRequest<Arc<App>> for Unread {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Failure> {
        Ok(Self(request))
    }
}

impl FromRequest<Arc<App>> for Upload {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        Unread(request).read(app).await
    }
}

async fn read(
    headers: &HeaderMap,
    body: impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static,
) -> Result<(Value, Vec<UploadedFile>), ApiError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind).map_err(|_| body::unsupported(headers))?;
    let limits = SizeLimit::new().whole_stream(REQUEST_BYTES_MAX as u64).per_field(FILE_BYTES_MAX as u64);
    let mut parts = Multipart::with_constraints(body, boundary, Constraints::new().size_limit(limits));
    let mut payload = None;
    let mut fields = Map::new();
    let mut files = Vec::new();
    while let Some(field) = parts.next_field().await.map_err(refusal)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == PAYLOAD_JSON {
            let bytes = field.bytes().await.map_err(refusal)?;
            if bytes.len() > BODY_BYTES_MAX {
                return Err(ApiError::too_large());
            }
            payload = Some(body::parse(&bytes)?);
        } else if field.file_name().is_some() || file_index(&name).is_some() {
            if files.len() == ATTACHMENTS_MAX {
                return Err(ApiError::max_attachments());
            }
            let index = file_index(&name).flatten().unwrap_or(files.len() as u64);
            files.push(file(index, field).await?);
        } else if fields.len() < FIELDS_MAX {
            let bytes = field.bytes().await.map_err(refusal)?;
            fields.insert(name, Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        } else {
            return Err(ApiError::too_large());
        }
    }
    Ok((payload.unwrap_or(Value::Object(fields)), files))
}

async fn file(index: u64, field: Field<'_>) -> Result<UploadedFile, ApiError> {
    let name = field.file_name().filter(|name| !name.is_empty()).unwrap_or("unknown");
    let name = as_called(name).chars().take(260).collect();
    let content_type = field.content_type().map(ToString::to_string);
    let bytes = field.bytes().await.map_err(refusal)?;
    Ok(UploadedFile { index, name, content_type, bytes })
}

/// The name of a file as its owner calls it: browsers write quotes and line ends in it as `%22`, `%0D` and `%0A`, and `%` as it is
/// (HTML Standard, "multipart/form-data encoding algorithm").
fn as_called(name: &str) -> String {
    name.replace("%22", "\"").replace("%0D", "").replace("%0A", " ")
}

/// Whether a field's name is one of those that files have: `Some(Some(n))` for `files[n]` and `filen`, `Some(None)` for
/// `file`.
fn file_index(name: &str) -> Option<Option<u64>> {
    if name == "file" {
        return Some(None);
    }
    if let Some(index) = name.strip_prefix("files[").and_then(|rest| rest.strip_suffix(']')) {
        return index.parse().ok().map(Some);
    }
    name.strip_prefix("file")?.parse().ok().map(Some)
}

fn refusal(error: multer::Error) -> ApiError {
    match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            ApiError::too_large()
        }
        multer::Error::StreamReadFailed(source) => {
            source.downcast().map_or_else(|_| ApiError::bad_request(), |refusal| *refusal)
        }
        error => {
            tracing::debug!(%error, "a multipart body cannot be read");
            ApiError::invalid_field("", "MULTIPART_INVALID", "Could not parse the multipart body.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::json;

    fn headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, "multipart/form-data; boundary=xx".parse().unwrap());
        headers
    }

    fn part(disposition: &str, content: &str) -> String {
        format!("--xx\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n")
    }

    fn bytes(body: impl Into<Bytes>) -> impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static {
        futures_util::stream::iter([Ok(body.into())])
    }

    async fn parse(parts: &[String]) -> Result<(Value, Vec<UploadedFile>), ApiError> {
        let body = format!("{}--xx--\r\n", parts.concat());
        read(&headers(), bytes(body)).await
    }

    #[tokio::test]
    async fn payload_and_files_are_told_apart() {
        let parts = [
            part("name=\"payload_json\"", "{\"content\":\"hi\"}"),
            part("name=\"files[3]\"; filename=\"a b%22c%0D%0Ad%.txt\"", "one"),
            part("name=\"file\"; filename=\"c.txt\"", "two"),
            part("name=\"file7\"; filename=\"d.txt\"", "three"),
        ];
        let (payload, files) = parse(&parts).await.unwrap();
        assert_eq!(payload, json!({"content": "hi"}));
        let seen: Vec<_> =
            files.iter().map(|file| (file.index, file.name.as_str(), &file.bytes[..])).collect();
        assert_eq!(seen, [(3, "a b\"c d%.txt", &b"one"[..]), (1, "c.txt", b"two"), (7, "d.txt", b"three")]);
    }

    #[tokio::test]
    async fn plain_fields_are_the_payload_when_there_is_no_other() {
        let (payload, files) =
            parse(&[part("name=\"content\"", "hé"), part("name=\"tts\"", "true")]).await.unwrap();
        assert_eq!(payload, json!({"content": "hé", "tts": "true"}));
        assert!(files.is_empty());
    }

    #[tokio::test]
    async fn too_many_files_and_too_large_ones_are_refused() {
        let many: Vec<_> =
            (0..11).map(|n| part(&format!("name=\"files[{n}]\"; filename=\"f\""), "x")).collect();
        assert_eq!(parse(&many).await.unwrap_err().code, 30015);
        let large = part("name=\"files[0]\"; filename=\"f\"", &"x".repeat(FILE_BYTES_MAX + 1));
        let error = parse(&[large]).await.unwrap_err();
        assert_eq!((error.status, error.code), (413, 40005));
        let part_large = || part("name=\"files[0]\"; filename=\"f\"", &"x".repeat(9 << 20));
        assert_eq!(parse(&[part_large(), part_large(), part_large()]).await.unwrap_err().status, 413);
    }

    /// A body that comes in pieces of so many bytes, over and over.
    fn in_pieces(
        body: &[u8],
        sizes: &[usize],
    ) -> impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static + use<> {
        let (mut rest, mut sizes) = (body, sizes.iter().cycle());
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(sizes.next().copied().unwrap_or(1).min(rest.len()));
            pieces.push(Ok(Bytes::copy_from_slice(piece)));
            rest = after;
        }
        futures_util::stream::iter(pieces)
    }

    proptest! {
        #[test]
        fn a_body_reads_the_same_however_it_is_cut_and_whatever_is_in_it(
            contents in vec((0..5_usize, vec(any::<u8>(), 0..60)), 0..6),
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            sizes in vec(1..40_usize, 1..6),
        ) {
            let heads = ["name=\"payload_json\"", "name=\"files[1]\"; filename=\"a\"", "name=\"x\"",
                "name=\"file\"; filename=\"\"", "name=\"\"; filename*=utf-8''%zz"];
            let mut body = Vec::new();
            for (head, content) in &contents {
                body.extend(part(heads[*head], "").into_bytes());
                body.truncate(body.len() - 2);
                body.extend(content);
                body.extend(b"\r\n");
            }
            body.extend(b"--xx--\r\n");
            for (place, byte) in changes {
                let place = place.index(body.len());
                body[place] = byte;
            }
            let whole = futures_util::FutureExt::now_or_never(read(&headers(), bytes(body.clone())));
            let cut = futures_util::FutureExt::now_or_never(read(&headers(), in_pieces(&body, &sizes)));
            let kept = |read: Result<_, ApiError>| read.map_err(|error| (error.status, error.code));
            prop_assert_eq!(whole.map(kept), cut.map(kept));
        }
    }

    #[tokio::test]
    async fn what_the_body_is_refused_for_reaches_the_client() {
        let refused = futures_util::stream::iter([Err(ApiError::overloaded())]);
        assert_eq!(read(&headers(), refused).await.unwrap_err().status, 503);
    }

    #[tokio::test]
    async fn broken_bodies_are_400() {
        assert_eq!(parse(&[part("name=\"payload_json\"", "{")]).await.unwrap_err().code, 50109);
        let cut = read(&headers(), bytes("--xx\r\nContent-Disp")).await.unwrap_err();
        assert_eq!(cut.status, 400);
        let empty = read(&headers(), bytes("")).await.unwrap_err();
        assert_eq!(empty.status, 400);
    }
}
