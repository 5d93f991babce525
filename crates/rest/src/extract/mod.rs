//! What handlers read of a request. Every extractor refuses with the documented error.

mod arrival;
mod asked;
mod auth;
mod body;
mod ids;
mod origin;
mod query;
mod upload;

pub use asked::{AskChannel, AskGuild, InChannel, InGuild};
pub(crate) use auth::V9;
pub use auth::{AnyAuth, Auth, BotAuth, Identity, MaybeAuth, UserAuth};
pub use body::{JsonBody, LARGE_JSON_BYTES_MAX, UnreadJson};
pub use ids::{Ids, Segments};
pub(crate) use origin::ip as origin_ip;
pub use origin::{Origin, Peer};
pub use query::Query;
pub use upload::{Size, Unread, Upload, UploadedFile};
