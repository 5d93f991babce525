//! The HTTP edge: authenticate, limit, validate, call the owner. It owns nothing that outlasts a request but what a node may
//! forget: tokens it has seen, for 15 seconds; where channels are, which it asks again when it is wrong; rate-limit windows; shares of
//! memory and of requests at once; the pictures of embeds it has fetched.
//!
//! A handler reads its input with the extractors of [`extract`], turns it into an operation of `consort-rpc` and
//! passes the owner's [`Reply`](consort_rpc::Reply) on with [`answer`]. What concerns a guild or a channel takes [`InGuild`] or
//! [`InChannel`], which know whom to ask, and for whom. It holds no product rules: permissions are
//! checked by the owner. It reads in the store only whose something is: the indexes of channels, invites, webhooks and stickers. It writes one row there: the base of file URLs, when the first account registers.
//!
//! * [`App`]: what every handler shares, and the short ways to the owners.
//! * [`routes`]: every route, one file an area, one table.
//! * [`limit`]: rate limits; [`token`]: who is calling; [`place`]: who owns a channel.
//! * [`router`]: all of it as one service, with the edge's own guards in front.

pub mod accounts;
pub mod app;
pub mod apps;
pub mod channel_owner;
mod coming;
pub mod commands;
mod edge;
pub mod extract;
mod failure;
mod files;
#[cfg(test)]
#[path = "../../model/tests/support/hostile.rs"]
#[allow(dead_code, reason = "the support of several tests")]
mod hostile;
pub mod interactions;
pub mod limit;
pub mod normalise;
pub mod oauth;
mod operations;
mod reply;
pub mod routes;
pub mod token;
mod webhook_services;

pub use app::{App, Config, GatewayElsewhere, Parts, Serves};
pub use channel_owner::ChannelOwner;
pub use edge::{HEALTH, role_elsewhere, router};
pub use extract::{
    AnyAuth, AskChannel, AskGuild, Auth, BotAuth, Ids, InChannel, InGuild, JsonBody, MaybeAuth, Origin, Peer,
    Query, Size, Unread, UnreadJson, Upload, UploadedFile, UserAuth,
};
pub use failure::{Answered, Failure, answer, created, empty, json};
