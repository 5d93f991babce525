//! The one place that starts tasks.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use tokio::task::{AbortHandle, JoinHandle};

/// A larger future gets an allocation of its own.
const MOVED_BYTES_MAX: usize = 512;

/// Starts a task on the runtime. A panic in it is logged, ends that task only, and gives `None`. Started from within a
/// [`Scope`], the task belongs to it.
pub fn spawn<F>(name: &'static str, future: F) -> JoinHandle<Option<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // On its way into the task a future is moved several times.
    if size_of::<F>() > MOVED_BYTES_MAX { start(name, Box::pin(future)) } else { start(name, future) }
}

fn start<F>(name: &'static str, future: F) -> JoinHandle<Option<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let task = async move {
        let output = AssertUnwindSafe(future).catch_unwind().await;
        output.inspect_err(|_| tracing::error!(task = name, "task panicked")).ok()
    };
    match SCOPE.try_with(Clone::clone) {
        Err(_) => tokio::spawn(task),
        Ok(scope) => {
            let handle = tokio::spawn(SCOPE.scope(scope.clone(), task));
            scope.add(handle.abort_handle());
            handle
        }
    }
}

tokio::task_local! {
    static SCOPE: Scope;
}

/// Tasks that can be ended at one moment, with all tasks that they have started: a node of a simulated cluster, which
/// crashes. A server has none. Clones are one scope.
#[derive(Debug, Clone, Default)]
pub struct Scope(Arc<Mutex<Tasks>>);

#[derive(Debug, Default)]
struct Tasks {
    ended: bool,
    running: Vec<AbortHandle>,
}

impl Scope {
    /// Calls something; the tasks that it starts belong to the scope.
    pub fn run<R>(&self, call: impl FnOnce() -> R) -> R {
        SCOPE.sync_scope(self.clone(), call)
    }

    /// Waits for something; the tasks that it starts belong to the scope, it itself does not.
    pub fn within<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        SCOPE.scope(self.clone(), future)
    }

    /// Ends all tasks of the scope where they are, and those that are started in it from now on.
    pub fn end(&self) {
        let mut tasks = self.lock();
        tasks.ended = true;
        tasks.running.drain(..).for_each(|task| task.abort());
    }

    fn add(&self, task: AbortHandle) {
        let mut tasks = self.lock();
        if tasks.ended {
            return task.abort();
        }
        if tasks.running.len() == tasks.running.capacity() {
            tasks.running.retain(|task| !task.is_finished());
        }
        tasks.running.push(task);
    }

    fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_scope_that_ends_takes_all_tasks_with_it_that_were_started_in_it() {
        let (alive, mut gone) = tokio::sync::mpsc::channel::<()>(1);
        let scope = Scope::default();
        let grandchild = alive.clone();
        scope.run(|| {
            spawn("child", async move {
                spawn("grandchild", async move {
                    std::future::pending::<()>().await;
                    drop(grandchild);
                });
                std::future::pending::<()>().await;
            })
        });
        tokio::task::yield_now().await;
        scope.end();
        scope.run(|| {
            spawn("late", async move {
                std::future::pending::<()>().await;
                drop(alive);
            })
        });
        assert_eq!(gone.recv().await, None, "nobody holds a sender any more");
    }
}
