//! The events of a guild in the order they were published, shared by the journals of all sessions that got them.

use std::sync::{Arc, OnceLock};

use crate::{Choice, Dispatch};

/// Events on a page. A page lives as long as a journal refers to any of them.
pub(crate) const PAGE_EVENTS: usize = 64;

/// Bytes of bodies after which a page is full: who keeps a few events on it keeps the others alive.
pub(crate) const PAGE_BYTES: usize = 64 * 1024;

/// Some events one after the other.
#[derive(Debug)]
pub(crate) struct Page([OnceLock<Arc<Dispatch>>; PAGE_EVENTS]);

impl Page {
    pub(crate) fn get(&self, index: usize) -> Option<&Arc<Dispatch>> {
        self.0.get(index)?.get()
    }
}

/// Where an event is in its log.
#[derive(Debug)]
pub struct LogPosition {
    page: Arc<Page>,
    index: u8,
    dispatch: Arc<Dispatch>,
}

impl LogPosition {
    pub(crate) fn page(&self) -> &Arc<Page> {
        &self.page
    }

    pub(crate) fn index(&self) -> u8 {
        self.index
    }

    pub(crate) fn dispatch(&self) -> &Arc<Dispatch> {
        &self.dispatch
    }
}

/// The end of a guild's log: the page that is being filled. Earlier pages belong to the journals alone.
#[derive(Debug, Default)]
pub struct Log {
    page: Option<Arc<Page>>,
    used: u8,
    bytes: usize,
}

impl Log {
    /// Adds an event.
    pub fn append(&mut self, dispatch: Arc<Dispatch>) -> LogPosition {
        let full = usize::from(self.used) >= PAGE_EVENTS || self.bytes >= PAGE_BYTES;
        let page = match &self.page {
            Some(page) if !full => page.clone(),
            _ => {
                (self.used, self.bytes) = (0, 0);
                let page = Arc::new(Page([const { OnceLock::new() }; PAGE_EVENTS]));
                self.page.insert(page).clone()
            }
        };
        let index = self.used;
        self.used += 1;
        self.bytes += dispatch.len(Choice::Full);
        // Each cell is filled once, by the one who counts them.
        let _filled = page.0[usize::from(index)].set(dispatch.clone());
        LogPosition { page, index, dispatch }
    }
}

const _: () = assert!(PAGE_EVENTS <= u8::MAX as usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_and_go_with_their_last_reader() {
        let mut log = Log::default();
        let event = || Arc::new(Dispatch::new("X", "1"));
        let first = log.append(event());
        let last = (1..PAGE_EVENTS).map(|_| log.append(event())).last().expect("more than one");
        assert!(Arc::ptr_eq(first.page(), last.page()));
        let (page, body) = (Arc::downgrade(first.page()), Arc::downgrade(first.dispatch()));
        drop((first, last));
        let next = log.append(event());
        assert_eq!(next.index(), 0);
        assert!(page.upgrade().is_none() && body.upgrade().is_none());
    }

    #[test]
    fn a_page_with_large_events_is_full_sooner() {
        let mut log = Log::default();
        let event = || Arc::new(Dispatch::new("X", vec![b'1'; PAGE_BYTES / 4]));
        let pages: Vec<_> = (0..9).map(|_| log.append(event()).page().clone()).collect();
        assert!(Arc::ptr_eq(&pages[0], &pages[3]) && !Arc::ptr_eq(&pages[3], &pages[4]));
        assert!(Arc::ptr_eq(&pages[4], &pages[7]) && !Arc::ptr_eq(&pages[7], &pages[8]));
    }
}
