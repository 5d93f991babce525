//! The one place that starts tasks.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

/// Starts a task on the runtime. A panic in it is logged, ends that task only, and gives `None`.
pub fn spawn<F>(name: &'static str, future: F) -> tokio::task::JoinHandle<Option<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(async move {
        let output = AssertUnwindSafe(future).catch_unwind().await;
        output.inspect_err(|_| tracing::error!(task = name, "task panicked")).ok()
    })
}
