//! Calls of other nodes, in MessagePack: delivered as something of the service, or refused. The first byte chooses the service.

use std::sync::{Arc, OnceLock};

use consort_rpc::{
    Call, Directory, Host, InProcess, Mesh, MeshRef, NodeId, Responder, Service, Static, account,
    application, guild, hand_over, limiter, name, operate, private, relay, search, session, user, voice,
};

/// Names of the services by the first byte.
pub const SERVICES: &[&str] = &[
    guild::Guild::NAME,
    user::User::NAME,
    private::Private::NAME,
    account::Account::NAME,
    application::Application::NAME,
    relay::Relay::NAME,
    session::Sessions::NAME,
    hand_over::HandOver::NAME,
    search::Search::NAME,
    voice::Voice::NAME,
    name::Name::NAME,
    limiter::Limiter::NAME,
    limiter::Edge::NAME,
    operate::Operate::NAME,
];

/// An owner that does nothing with what it is told.
struct Deaf;

impl<S: Service> Host<S> for Deaf {
    fn deliver(&self, _: u64, call: Call<S>) {
        drop(format!("{:?}", call.op));
    }
}

fn node() -> MeshRef {
    let node = NodeId(1);
    let directory: Arc<dyn Directory> = Arc::new(Static::new(vec![node]));
    let mesh = Mesh::new(node, directory, Arc::new(InProcess::new()));
    mesh.host::<guild::Guild>(Arc::new(Deaf));
    mesh.host::<user::User>(Arc::new(Deaf));
    mesh.host::<private::Private>(Arc::new(Deaf));
    mesh.host::<account::Account>(Arc::new(Deaf));
    mesh.host::<application::Application>(Arc::new(Deaf));
    mesh.host::<relay::Relay>(Arc::new(Deaf));
    mesh.host::<session::Sessions>(Arc::new(Deaf));
    mesh.host::<hand_over::HandOver>(Arc::new(Deaf));
    mesh.host::<search::Search>(Arc::new(Deaf));
    mesh.host::<voice::Voice>(Arc::new(Deaf));
    mesh.host::<name::Name>(Arc::new(Deaf));
    mesh.host::<limiter::Limiter>(Arc::new(Deaf));
    mesh.host::<limiter::Edge>(Arc::new(Deaf));
    mesh.host::<operate::Operate>(Arc::new(Deaf));
    mesh
}

/// Delivers a call as another node sent it; whether it was one.
pub fn delivers(data: &[u8]) -> bool {
    static NODE: OnceLock<MeshRef> = OnceLock::new();
    let Some((first, body)) = data.split_first() else { return false };
    let service = SERVICES[usize::from(*first) % SERVICES.len()];
    NODE.get_or_init(node).receive(service, 7, body, Responder::none()).is_ok()
}

/// Delivers a call, if it is one.
///
/// # Panics
/// When what must hold does not.
pub fn feed(data: &[u8]) {
    let _delivered = delivers(data);
}
