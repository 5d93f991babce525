//! A bounded queue from any task to a few threads: pushing never blocks.

use consort_store::Error;
use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    items_max: usize,
    bytes_max: usize,
}

struct State<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    closed: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new(items_max: usize, bytes_max: usize) -> Queue<T> {
        let state = State { items: VecDeque::new(), bytes: 0, closed: false };
        Queue { state: Mutex::new(state), filled: Condvar::new(), items_max, bytes_max }
    }

    /// Adds an item of a size. An empty queue takes an item of any size.
    pub(crate) fn push(&self, item: T, bytes: usize) -> Result<(), Error> {
        let mut state = self.lock();
        if state.closed {
            return Err(Error::Closed);
        }
        let too_large = state.bytes.saturating_add(bytes) > self.bytes_max && !state.items.is_empty();
        if state.items.len() >= self.items_max || too_large {
            return Err(Error::Overloaded);
        }
        state.items.push_back((item, bytes));
        state.bytes += bytes;
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for an item without taking it; false when the queue is closed and empty.
    pub(crate) fn wait(&self) -> bool {
        let state = self.lock();
        let waiting = |state: &mut State<T>| state.items.is_empty() && !state.closed;
        let state = self.filled.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner);
        !state.items.is_empty()
    }

    /// Waits for an item and takes it; `None` when the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<T> {
        let state = self.lock();
        let waiting = |state: &mut State<T>| state.items.is_empty() && !state.closed;
        let mut state = self.filled.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner);
        state.take()
    }

    /// Takes what is there, the oldest first: up to a number of items, and no further when there are so many bytes.
    pub(crate) fn drain(&self, items_max: usize, bytes_max: usize) -> Vec<T> {
        let mut state = self.lock();
        let (mut taken, bytes_before) = (Vec::new(), state.bytes);
        while taken.len() < items_max && bytes_before - state.bytes < bytes_max {
            let Some(item) = state.take() else { break };
            taken.push(item);
        }
        taken
    }

    /// Refuses further items; those that are there are still taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Refuses further items and drops those that are there.
    pub(crate) fn abandon(&self) {
        self.close();
        let items = std::mem::take(&mut self.lock().items);
        drop(items);
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Option<T> {
        let (item, bytes) = self.items.pop_front()?;
        self.bytes -= bytes;
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_beyond_its_limits_and_takes_one_item_of_any_size() {
        let queue = Queue::new(3, 100);
        queue.push('a', 1_000).unwrap();
        assert!(matches!(queue.push('b', 1), Err(Error::Overloaded)));
        assert_eq!(queue.pop(), Some('a'));
        for item in ['c', 'd', 'e'] {
            queue.push(item, 33).unwrap();
        }
        assert!(matches!(queue.push('f', 0), Err(Error::Overloaded)));
        assert_eq!(queue.drain(2, usize::MAX), ['c', 'd']);
        queue.push('g', 33).unwrap();
        assert_eq!(queue.drain(10, 30), ['e'], "no further when there are enough bytes");
    }

    #[test]
    fn gives_out_what_it_has_after_it_was_closed() {
        let queue = Queue::new(3, 100);
        queue.push(1, 0).unwrap();
        queue.close();
        assert!(matches!(queue.push(2, 0), Err(Error::Closed)));
        assert!(queue.wait());
        assert_eq!((queue.pop(), queue.pop(), queue.wait()), (Some(1), None, false));
    }
}
