//! How many guilds and groups an account may be in, also when it enters many at once.

use std::collections::BTreeSet;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::ApiError;
use consort_model::limits::{GROUP_CHANNELS_MAX, USER_GUILDS_MAX};
use consort_rpc::user::seat::{Op, Seat};
use consort_store::Table;

use super::User;
use super::settings::SEATS_KEY;
use crate::limits::SEAT_MS;
use crate::rows::SeatRow;

impl User {
    pub(super) fn handle_seat(&mut self, cx: &mut Cx<'_>, op: Op) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        let now_ms = cx.now_ms;
        let mut seats = self.seats.clone();
        seats.retain(|taken| taken.until_ms > now_ms);
        match op {
            Op::Take { seat } => {
                if !self.has_room(&seats, seat) {
                    return Err(match seat {
                        Seat::Guild(_) => ApiError::max_guilds().into(),
                        Seat::Group(_) => ApiError::max_group_dms().into(),
                    });
                }
                let until_ms = now_ms + SEAT_MS;
                match seats.iter_mut().find(|taken| taken.seat == seat) {
                    Some(taken) => (taken.holders, taken.until_ms) = (taken.holders + 1, until_ms),
                    None => seats.push(SeatRow { seat, holders: 1, until_ms }),
                }
            }
            Op::GiveBack { seat } => {
                seats.iter_mut().filter(|taken| taken.seat == seat).for_each(|taken| taken.holders -= 1);
                seats.retain(|taken| taken.holders > 0);
            }
        }
        if seats.is_empty() {
            cx.delete(Table::UserSettings, self.id.get(), SEATS_KEY);
        } else {
            cx.put(Table::UserSettings, self.id.get(), SEATS_KEY, &seats);
        }
        self.seats = seats;
        Outcome::EMPTY
    }

    /// Whether a seat of this kind is free, or is this one's already.
    fn has_room(&self, seats: &[SeatRow], wanted: Seat) -> bool {
        let is_same_kind = |seat: &Seat| matches!(seat, Seat::Guild(_)) == matches!(wanted, Seat::Guild(_));
        let pending = seats.iter().map(|taken| taken.seat).filter(is_same_kind);
        let (max, taken): (usize, BTreeSet<Seat>) = match wanted {
            Seat::Guild(_) => {
                (USER_GUILDS_MAX, self.guilds.keys().copied().map(Seat::Guild).chain(pending).collect())
            }
            Seat::Group(_) => {
                let groups = self.channels.iter().filter(|(_, row)| row.group);
                (GROUP_CHANNELS_MAX, groups.map(|(id, _)| Seat::Group(*id)).chain(pending).collect())
            }
        };
        taken.contains(&wanted) || taken.len() < max
    }
}
