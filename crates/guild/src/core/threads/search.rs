//! Search among the threads of a channel: by name, tags, age and whether they are archived.

use std::cmp::Reverse;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ApiError, Channel, ChannelId, Permissions, ThreadMember};
use consort_rpc::Answer;
use consort_rpc::guild::thread::{Search, SearchOrder};
use serde::Serialize;

use super::archive::{by_time, memberships};
use crate::core::Guild;

/// Archived threads of a channel that are looked through, the latest archived first.
const ARCHIVED_SEARCHED_MAX: usize = 1000;

#[derive(Serialize)]
struct Found {
    threads: Vec<Channel>,
    members: Vec<ThreadMember>,
    has_more: bool,
    total_results: usize,
}

impl Guild {
    /// Threads of a channel that the caller sees and that fit. Private archived ones are not searched.
    pub(super) fn search_threads(
        &self,
        cx: &Cx<'_>,
        parent: ChannelId,
        search: &Search,
    ) -> Result<Outcome, Stop> {
        self.require_in(cx, parent, Permissions::READ_MESSAGE_HISTORY)?;
        if !self.channels.contains_key(&parent) {
            return Err(ApiError::wrong_channel_type().into());
        }
        let mut found = self.threads_seen_by(cx.caller.user, cx.now_ms);
        found.retain(|thread| thread.parent_id == Some(parent) && search.archived != Some(true));
        found.iter_mut().for_each(|thread| thread.member = None);
        let (guild, viewer, search) = (self.id, self.viewer(cx), search.clone());
        Outcome::later(move |store| async move {
            let read = async {
                if search.archived != Some(false) {
                    let archived =
                        by_time(&store, guild, parent, (false, None), ARCHIVED_SEARCHED_MAX).await?;
                    found.extend(archived.0);
                }
                found.retain(|thread| fits(&search, thread));
                order(&search, &mut found);
                let total_results = found.len();
                let (offset, limit) = (search.offset as usize, usize::from(search.limit));
                let threads: Vec<_> = found.into_iter().skip(offset).take(limit).collect();
                let members = memberships(&store, viewer, &threads).await?;
                let has_more = total_results > offset + threads.len();
                Ok::<_, consort_store::Error>(Found { threads, members, has_more, total_results })
            };
            read.await.map(|found| Answer::json(&found)).map_err(|error| {
                tracing::warn!(%error, "threads could not be searched");
                ApiError::overloaded()
            })
        })
    }
}

fn fits(search: &Search, thread: &Channel) -> bool {
    let name = thread.name.as_deref().unwrap_or_default().to_lowercase();
    let named = search.name.as_ref().is_none_or(|wanted| name.contains(&wanted.to_lowercase()));
    let tags = thread.applied_tags.as_deref().unwrap_or_default();
    let tagged = match search.all_tags {
        _ if search.tags.is_empty() => true,
        true => search.tags.iter().all(|tag| tags.contains(tag)),
        false => search.tags.iter().any(|tag| tags.contains(tag)),
    };
    let after = search.min_id.is_none_or(|min| thread.id > min);
    named && tagged && after && search.max_id.is_none_or(|max| thread.id < max)
}

/// Newest first, unless the oldest are wanted first.
fn order(search: &Search, threads: &mut [Channel]) {
    let key = |thread: &Channel| match search.order {
        SearchOrder::Creation => thread.id.get(),
        SearchOrder::LastMessage => thread.last_message_id.map_or(thread.id.get(), |id| id.get()),
        SearchOrder::Archive => thread.thread_metadata.as_ref().map_or(0, |meta| meta.archive_timestamp.ms()),
    };
    if search.ascending {
        threads.sort_by_key(|thread| (key(thread), thread.id));
    } else {
        threads.sort_by_key(|thread| Reverse((key(thread), thread.id)));
    }
}
