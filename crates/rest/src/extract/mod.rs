//! What handlers read of a request. Every extractor refuses with the documented error.

mod arrival;
mod auth;
mod body;
mod ids;
mod origin;
mod query;
mod upload;

pub(crate) use auth::V9;
pub use auth::{AnyAuth, Auth, BotAuth, Identity, MaybeAuth, UserAuth};
pub use body::{JSON_BYTES_MAX, JsonBody, LARGE_JSON_BYTES_MAX, UnreadJson};
pub use ids::{Ids, Segment, Segments};
pub(crate) use origin::ip as origin_ip;
pub use origin::{Origin, Peer};
pub use query::Query;
pub use upload::{FILE_BYTES_MAX, FILES_MAX, Size, UPLOAD_BYTES_MAX, Unread, Upload, UploadedFile};
