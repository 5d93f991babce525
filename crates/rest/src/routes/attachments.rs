//! Uploads in two steps, and new signatures for old URLs.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use consort_model::limits::{ATTACHMENTS_MAX, FILE_BYTES_MAX, REFRESH_URLS_MAX, URL_CHARS_MAX};
use consort_model::{ApiError, ChannelId};
use consort_rpc::message::Op;
use serde_json::{Value, json};

use crate::{Answered, App, Auth, Failure, Ids, JsonBody, UserAuth, json};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/channels/{channel_id}/attachments", post(open_slots))
        .route("/attachments/refresh-urls", post(refresh))
}

/// Gives out a URL for each file to PUT its bytes to, to who may attach files there. What no message names is swept.
async fn open_slots(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(channel): Ids<ChannelId>,
    body: JsonBody,
) -> Answered {
    let files = body.check(|f| {
        let files = f.array("files", ATTACHMENTS_MAX, |f| {
            let name = f.required("filename", f.str("filename", 1..=260));
            // Of whatever kind; it comes back as it is.
            let id = f.value("id").unwrap_or(Value::Null);
            Some((id, name?, f.required("file_size", f.int::<u64>("file_size", 0..=u64::MAX))?))
        });
        f.required("files", files)
    })?;
    if files.iter().any(|(_, _, size)| *size > FILE_BYTES_MAX as u64) {
        return Err(Failure(ApiError::too_large()));
    }
    app.call_message(channel, auth.caller(), Op::MayAttach).await??;
    let slots = files.into_iter().map(|(id, name, size)| {
        let slot = app.cdn.upload_slot(channel, auth.user_id(), &name, size);
        json!({"id": id, "upload_url": slot.upload_url, "upload_filename": slot.upload_filename})
    });
    Ok(json(&json!({"attachments": slots.collect::<Vec<_>>()})))
}

/// Signs addresses anew that were right once; others come back as they are. Whoever has an address was shown it by somebody
/// who might see the file.
async fn refresh(State(app): State<Arc<App>>, _auth: Auth, body: JsonBody) -> Answered {
    let urls = body.check(|f| {
        f.required("attachment_urls", f.strings("attachment_urls", REFRESH_URLS_MAX, 1..=URL_CHARS_MAX))
    })?;
    let refreshed = urls.iter().map(|url| {
        let new = app.cdn.links().refresh(url, app.now_ms());
        json!({"original": url, "refreshed": new.as_deref().unwrap_or(url)})
    });
    Ok(json(&json!({"refreshed_urls": refreshed.collect::<Vec<_>>()})))
}
