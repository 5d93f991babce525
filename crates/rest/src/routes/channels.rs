//! Routes of the area `channels`.

use std::sync::Arc;

use axum::Router;

use crate::App;

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
}
