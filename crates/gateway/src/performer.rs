//! Does what a slice wants done outside.

use std::sync::Arc;

use consort_model::GuildId;
use consort_rpc::{Caller, Fact, MeshRef, guild};

use crate::admission::Admissions;
use crate::interest::Interest;
use crate::slice::Effect;
use crate::travel::Travel;

/// The hands of a slice.
pub(crate) struct Performer {
    pub(crate) index: u16,
    pub(crate) mesh: MeshRef,
    pub(crate) interest: Arc<Interest>,
    pub(crate) admissions: Arc<Admissions>,
    pub(crate) travel: Arc<Travel>,
}

impl Performer {
    /// Does one thing. Gives `true` when it was the last: everything is closed.
    pub(crate) fn perform(&self, effect: Effect) -> bool {
        match effect {
            Effect::Identify(identifying) => self.admissions.identify(identifying),
            Effect::Attach { caller, guild, news } => {
                let guilds = self.mesh.client::<guild::Guild>();
                if let Err(error) = guilds.cast_lossy(guild.get(), caller, *news) {
                    tracing::warn!(%error, %guild, "a guild's owner cannot be asked for now");
                }
            }
            Effect::Tell { caller, fact } => self.mesh.tell(caller, *fact),
            Effect::Chunk { session, caller, guild, request } => {
                self.admissions.chunk(self.index, session, caller, guild, *request);
            }
            Effect::Fetch(fetching) => self.travel.fetch(fetching),
            Effect::Exported(exported) => {
                let (asked, departure) = *exported;
                self.travel.exported(asked, departure);
            }
            Effect::Landed(landed) => self.travel.landed(*landed),
            Effect::GiveAway(departure) => self.travel.give_away(*departure),
            Effect::GivenAway => self.travel.slice_has_left(),
            Effect::Detached(guild) => self.detached(guild),
            Effect::Stopped => return true,
        }
        false
    }

    fn detached(&self, guild: GuildId) {
        self.interest.if_nobody(guild, || {
            let op = guild::Op::Gateway(guild::gateway::Op::Detached { node: self.mesh.node() });
            self.mesh.tell(Caller::system(), Fact::Guild { guild, op });
        });
    }
}
