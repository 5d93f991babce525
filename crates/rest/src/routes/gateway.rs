//! Where the gateway is.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde_json::json;

use crate::{Answered, App, BotAuth, Origin, json};

/// IDENTIFYs that may be under way at once (`max_concurrency`).
const CONCURRENCY: u32 = 16;
/// IDENTIFYs a day.
const STARTS: u32 = 1000;
const DAY_MS: u64 = 24 * 3600 * 1000;

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/gateway", get(gateway)).route("/gateway/bot", get(bot))
}

/// Libraries append their own query, some with `/?` and some with `?`: the URL has none.
async fn gateway(origin: Origin) -> Answered {
    Ok(json(&json!({"url": origin.gateway})))
}

/// Starts of sessions are bounded by the gateway itself, so the day's allowance is always whole.
async fn bot(State(app): State<Arc<App>>, _auth: BotAuth, origin: Origin) -> Answered {
    let reset_after_ms = DAY_MS - app.now_ms() % DAY_MS;
    Ok(json(&json!({
        "url": origin.gateway,
        "shards": 1,
        "session_start_limit": {
            "total": STARTS,
            "remaining": STARTS,
            "reset_after": reset_after_ms,
            "max_concurrency": CONCURRENCY,
        },
    })))
}
