//! Whose turn it is to write: the group commit's, the checkpointer's or the bulk loader's.
//!
//! SQLite has a lock for that, but who waits for it sleeps and may starve; here the next in line is woken.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(crate) struct Turn {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next_ticket: u64,
    served: u64,
}

/// The turn to write, until it is dropped.
pub struct WriteHold(Arc<Turn>);

impl Turn {
    /// Waits in line for the turn.
    pub(crate) fn take(self: &Arc<Turn>) -> WriteHold {
        let mut state = self.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        let waiting = |state: &mut State| state.served != ticket;
        drop(self.changed.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner));
        WriteHold(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for WriteHold {
    fn drop(&mut self) {
        self.0.lock().served += 1;
        self.0.changed.notify_all();
    }
}

impl std::fmt::Debug for WriteHold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WriteHold")
    }
}
