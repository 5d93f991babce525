//! The threads of a store, and the directory's lock, which goes when the last of them has ended.

use crate::lock::Lock;
use consort_store::Error;
use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};
use tokio::sync::watch;

pub(crate) struct Lifetime {
    state: Arc<State>,
    handles: Mutex<Vec<JoinHandle<()>>>,
}

struct State {
    lock: Mutex<Option<Lock>>,
    /// Threads that have not ended.
    running: watch::Sender<usize>,
}

/// Counts a thread that ends, also by a panic.
struct Ending(Arc<State>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.running.send_modify(|running| {
            *running -= 1;
            if *running == 0 {
                // Unlocked before anybody sees the count, so that who waited can open the directory again.
                self.0.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
            }
        });
    }
}

impl Lifetime {
    pub(crate) fn new(lock: Lock) -> Lifetime {
        let state = State { lock: Mutex::new(Some(lock)), running: watch::Sender::new(0) };
        Lifetime { state: Arc::new(state), handles: Mutex::default() }
    }

    /// Starts a thread. What `run` owns is dropped before the thread counts as ended.
    pub(crate) fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        self.state.running.send_modify(|running| *running += 1);
        let ending = Ending(self.state.clone());
        let body = move || {
            let _ending = ending;
            run();
        };
        let handle = thread::Builder::new().name(name.to_owned()).spawn(body).map_err(Error::backend)?;
        self.handles.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        Ok(())
    }

    /// Resolves when all threads have ended.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut running = self.state.running.subscribe();
        async move {
            // The sender lives as long as a thread does; that it is gone means the same as zero.
            let _ = running.wait_for(|running| *running == 0).await;
        }
    }

    /// Waits until all threads have ended.
    pub(crate) fn join(&self) {
        let handles = std::mem::take(&mut *self.handles.lock().unwrap_or_else(PoisonError::into_inner));
        for handle in handles {
            if handle.join().is_err() {
                tracing::error!("a thread of the store panicked");
            }
        }
    }
}
