//! The mailbox of one actor: a bounded queue that one task takes from, and that whoever looks after the node can look into
//! without asking that task.
//!
//! A channel of tokio would do for the first. But the question that matters of an actor that is stuck is what it has before it and
//! for how long, and a channel does not say. Pushing takes the lock of the mailbox, beside that of the directory, under which it is
//! found; so does taking. Both hold it for a few instructions.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use consort_rpc::{Call, Service, op_name};
use consort_runtime::{OpName, Queue};
use tokio::sync::oneshot;
use tokio::task::coop::cooperative;
use tokio::time::Instant;

/// Room for letters that an empty mailbox keeps.
const KEPT_ROOM: usize = 64;

/// What comes in a mailbox.
pub(crate) enum Mail<S: Service> {
    /// A call. Boxed: very many mailboxes have room for some.
    Call(Box<Call<S>>),
    /// Has an actor look around that waits for calls.
    Look,
    /// Somebody wants to see the actor's state, as JSON.
    State(oneshot::Sender<String>),
}

impl<S: Service> Mail<S> {
    /// The call that could not be delivered.
    pub(crate) fn into_call(self) -> Option<Box<Call<S>>> {
        match self {
            Self::Call(call) => Some(call),
            Self::Look | Self::State(_) => None,
        }
    }

    fn name(&self) -> OpName {
        match self {
            Self::Call(call) => op_name(&call.op),
            Self::Look => OpName::plain("(look around)"),
            Self::State(_) => OpName::plain("(operator)"),
        }
    }
}

/// Mail and when it came.
pub(crate) struct Letter<S: Service> {
    pub(crate) mail: Mail<S>,
    pub(crate) came: Instant,
}

struct State<S: Service> {
    letters: VecDeque<Letter<S>>,
    closed: bool,
    /// The task that waits for a letter.
    waker: Option<Waker>,
}

/// See the module.
pub(crate) struct Mailbox<S: Service> {
    state: Mutex<State<S>>,
    capacity: usize,
}

impl<S: Service> fmt::Debug for Mailbox<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("service", &S::NAME).field("depth", &self.depth()).finish()
    }
}

impl<S: Service> Mailbox<S> {
    /// An empty one, and the end that its letters are taken from.
    pub(crate) fn new(capacity: usize) -> (Arc<Self>, Receiver<S>) {
        let state = State { letters: VecDeque::new(), closed: false, waker: None };
        let mailbox = Arc::new(Self { state: Mutex::new(state), capacity });
        (mailbox.clone(), Receiver(mailbox))
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts mail in, or gives it back when there is no room or nobody takes it any more.
    pub(crate) fn push(&self, mail: Mail<S>) -> Result<(), Mail<S>> {
        let came = Instant::now();
        let mut state = self.lock();
        if state.closed || state.letters.len() >= self.capacity {
            return Err(mail);
        }
        state.letters.push_back(Letter { mail, came });
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// How many letters more it takes.
    pub(crate) fn room(&self) -> usize {
        self.capacity - self.lock().letters.len()
    }

    /// Whether nothing is taken any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn poll(&self, context: &Context<'_>) -> Poll<Option<Letter<S>>> {
        let mut state = self.lock();
        if let Some(letter) = state.letters.pop_front() {
            if state.letters.is_empty() && state.letters.capacity() > KEPT_ROOM {
                state.letters = VecDeque::new();
            }
            return Poll::Ready(Some(letter));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    fn close(&self) -> VecDeque<Letter<S>> {
        let mut state = self.lock();
        state.closed = true;
        state.waker = None;
        std::mem::take(&mut state.letters)
    }
}

impl<S: Service> Queue for Mailbox<S> {
    fn depth(&self) -> usize {
        self.lock().letters.len()
    }

    fn oldest(&self) -> Option<Duration> {
        self.lock().letters.front().map(|letter| letter.came.elapsed())
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn types(&self, walked: usize) -> Vec<OpName> {
        self.lock().letters.iter().take(walked).map(|letter| letter.mail.name()).collect()
    }

    fn ask_state(&self, answer: oneshot::Sender<String>) -> bool {
        self.push(Mail::State(answer)).is_ok()
    }
}

/// The end that letters are taken from. Dropping it closes the mailbox; what is in it is lost.
pub(crate) struct Receiver<S: Service>(Arc<Mailbox<S>>);

impl<S: Service> Receiver<S> {
    /// Waits for the next letter; `None` once the mailbox is closed and empty. May be dropped and called again: nothing is lost.
    pub(crate) async fn recv(&mut self) -> Option<Letter<S>> {
        // An actor that always has mail gives way to others now and then.
        cooperative(poll_fn(|context| self.0.poll(context))).await
    }

    /// Whether no letter waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.depth() == 0
    }

    /// Takes no more letters, and gives those that wait.
    pub(crate) fn close(self) -> VecDeque<Letter<S>> {
        self.0.close()
    }
}

impl<S: Service> Drop for Receiver<S> {
    fn drop(&mut self) {
        // Their callers are told that they are lost, without the lock.
        drop(self.0.close());
    }
}

#[cfg(test)]
mod tests {
    use consort_rpc::{Caller, Responder, limiter};

    use super::*;

    type Toys = limiter::Limiter;

    fn call(want: u32) -> Mail<Toys> {
        let op = limiter::Op::Take { bucket: (0, 0), limit: 1, window_ms: 1, want };
        let (caller, respond, deadline) = (Caller::system(), Responder::none(), Instant::now());
        Mail::Call(Box::new(Call { caller, op, respond, deadline, origin: None }))
    }

    fn want(letter: Letter<Toys>) -> u32 {
        let call = letter.mail.into_call().expect("a call");
        let limiter::Op::Take { want, .. } = call.op;
        want
    }

    #[tokio::test(start_paused = true)]
    async fn letters_come_in_order_and_whoever_looks_sees_what_waits_and_for_how_long() {
        let (mailbox, mut receiver) = Mailbox::<Toys>::new(3);
        let taker = tokio::spawn(async move {
            let first = receiver.recv().await.map(want);
            (first, receiver)
        });
        tokio::task::yield_now().await;
        assert!(mailbox.push(call(1)).is_ok(), "the task that waits is woken");
        let (first, mut receiver) = taker.await.unwrap();
        assert_eq!((first, mailbox.depth(), mailbox.oldest()), (Some(1), 0, None));
        assert!(mailbox.push(call(2)).is_ok());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(mailbox.push(Mail::Look).is_ok() && mailbox.push(call(3)).is_ok());
        assert!(mailbox.push(call(4)).is_err() && mailbox.room() == 0, "it is full");
        assert_eq!((mailbox.depth(), mailbox.oldest()), (3, Some(Duration::from_secs(2))));
        let types: Vec<_> = mailbox.types(2).iter().map(ToString::to_string).collect();
        assert_eq!(types, ["Take", "(look around)"]);
        assert_eq!(receiver.recv().await.map(want), Some(2));
        let left = receiver.close();
        assert_eq!(left.len(), 2);
        assert!(mailbox.is_closed() && mailbox.push(call(5)).is_err());
    }

    #[tokio::test]
    async fn what_waits_when_the_task_ends_is_lost_to_its_caller() {
        let (mailbox, receiver) = Mailbox::<Toys>::new(3);
        let (respond, answer) = Responder::channel();
        let Mail::Call(mut waiting) = call(1) else { unreachable!() };
        waiting.respond = respond;
        assert!(mailbox.push(Mail::Call(waiting)).is_ok());
        drop(receiver);
        assert!(answer.await.is_err());
    }
}
