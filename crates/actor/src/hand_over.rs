//! Moving with what is held in memory: an owner that loses its key freezes, the next one thaws.
//!
//! * The **old owner** handles nothing more once it knows, waits until the store has decided about its batches, freezes
//!   ([`Core::freeze`](crate::Core::freeze)) and sends that to the node that owns the key by its map. Those that rest are frozen already, and go
//!   many at a time.
//! * The **next owner** may have been called before that comes: an actor that starts within [`HAND_OVER_WAIT`] of a change of the
//!   map waits for the rest of that time. What comes before any call is kept as an actor that rests.
//! * It is **believed** only if nobody was the owner in between. An owner shuts out all older epochs in the store before it reads
//!   its rows; so the next one looks, before it does that itself, whether the epoch in the store is still that of whoever has sent
//!   the state.
//! * **Otherwise** (too large, too late, another format, lost, older) it is as if the old owner had died: rows are loaded, and
//!   those who listen come again.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use consort_rpc::hand_over::{HandOver, Handed, Op};
use consort_rpc::{Answer, Call, Caller, Host, MeshRef, NodeId, Owner};
use consort_store::{Error, Key, StoreRef, Table};
use tokio::sync::oneshot;

use crate::work::Work;

/// The largest state that is handed over, in bytes: a guild with a hundred thousand people online has about half of it.
pub const HAND_OVER_BYTES_MAX: usize = 32 << 20;
/// How long after a change of the map an actor that starts waits for what the owner before it held.
pub const HAND_OVER_WAIT: Duration = Duration::from_millis(250);
/// Bytes of states that rested, in one message.
const MESSAGE_BYTES: usize = 1 << 20;

/// Takes what other nodes hand over, for all kinds of actors of this node.
pub(crate) struct Taker(pub(crate) Work);

impl fmt::Debug for Taker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Taker")
    }
}

impl Host<HandOver> for Taker {
    fn deliver(&self, _node: u64, call: Call<HandOver>) {
        let Op::Take(all) = call.op;
        all.into_iter().for_each(|handed| self.0.take_over(handed));
        call.respond.send(Ok(Answer::Empty));
    }
}

/// Actors that have started and wait for what the owner before them held.
#[derive(Default)]
pub(crate) struct Awaited(Mutex<HashMap<u64, oneshot::Sender<Handed>>>);

impl Awaited {
    /// The place where a state for `key` will arrive.
    pub(crate) fn expect(&self, key: u64) -> oneshot::Receiver<Handed> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, sender);
        receiver
    }

    /// Nobody waits for it any more.
    pub(crate) fn forget(&self, key: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// Gives a state to whoever waits for it, or back.
    pub(crate) fn arrive(&self, handed: Handed) -> Option<Handed> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&handed.owner.key);
        match waiting {
            Some(waiting) => waiting.send(handed).err(),
            None => Some(handed),
        }
    }
}

/// Sends what owners held to the nodes that own their keys now, in messages of bounded size.
pub(crate) fn send(mesh: &MeshRef, all: impl IntoIterator<Item = (NodeId, Handed)>) {
    let mut by_node: Vec<(NodeId, usize, Vec<Handed>)> = Vec::new();
    for (node, handed) in all {
        if node == mesh.node() {
            continue;
        }
        if handed.state.len() > HAND_OVER_BYTES_MAX {
            let bytes = handed.state.len();
            tracing::info!(owner = %handed.owner, bytes, "what an owner holds is too much to be handed over");
            continue;
        }
        let at = by_node.iter().position(|(to, ..)| *to == node).unwrap_or(by_node.len());
        if at == by_node.len() {
            by_node.push((node, 0, Vec::new()));
        }
        let (_, bytes, message) = &mut by_node[at];
        *bytes += handed.state.len();
        message.push(handed);
        if *bytes >= MESSAGE_BYTES {
            *bytes = 0;
            say(mesh, node, std::mem::take(message));
        }
    }
    by_node.into_iter().for_each(|(node, _, message)| say(mesh, node, message));
}

fn say(mesh: &MeshRef, node: NodeId, message: Vec<Handed>) {
    if message.is_empty() {
        return;
    }
    let sent = mesh.client::<HandOver>().cast_lossy(u64::from(node.0), Caller::system(), Op::Take(message));
    if let Err(error) = sent {
        tracing::info!(%error, %node, "the next owner is not told what its predecessor held");
    }
}

/// Whether nobody has been the owner since `epoch`: to be asked before the new owner shuts it out.
///
/// # Errors
/// Those of the store.
pub(crate) async fn is_latest(store: &StoreRef, owner: &Owner, epoch: u64) -> Result<bool, Error> {
    let stored = store.get(Table::Epochs, owner.key, Key::text(&owner.service)).await?;
    Ok(stored.is_some_and(|stored| stored.as_ref() == epoch.to_be_bytes()))
}

/// Makes this node take what others hand over.
pub(crate) fn host(mesh: &MeshRef, work: &Work) {
    mesh.host::<HandOver>(Arc::new(Taker(work.clone())));
}
