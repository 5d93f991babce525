//! The media plane: packets of who speaks come in, are decrypted with the sender's key, and go out to all who may hear,
//! encrypted with the key of each.
//!
//! It knows nothing of guilds, members or rights. `consort-voice` tells it by [`Command`] who is in a room, by which key, and
//! whether it may speak and hear; all else it reads off the packets.
//!
//! * [`Plane`] is the core, sans-IO: a command or a packet and the time go in, packets go out through a [`Transmit`]. For a packet it
//!   neither allocates nor locks.
//! * Browsers speak WebRTC to the same port; str0m, which has neither socket nor clock, does ICE, DTLS and SRTP for each of them inside
//!   the plane. For them it does allocate.
//! * [`Media`] is the shell: one thread with one UDP socket, which receives and sends in batches and never works on packets for so
//!   long that commands wait.
//!
//! **What is dropped** is counted ([`Counts`]) and not answered: whatever does not parse, has an unknown SSRC, does not decrypt, was
//! there before, comes from somebody who may not speak, or too fast. What is answered at all is answered with as many bytes as were
//! asked with, so nobody can make the server send more to a third party than he sends himself.
//!
//! The formats are those of Voice Connections (Discord's documentation, August 2026): "Establishing a Voice UDP Connection",
//! "Encrypting and Sending Voice", and RFC 3550.

#![warn(missing_docs)]

mod cipher;
mod counts;
mod media;
mod packet;
mod plane;
mod rtc;
mod socket;
mod window;

pub use cipher::{Mode, Sealer};
pub use counts::Counts;
pub use media::{COMMANDS_WAITING_MAX, Full, Media};
pub use packet::{DATAGRAM_BYTES_MAX, discovery_request};
pub use plane::{
    Choice, Command, LAYERS_MAX, Name, Order, Plane, Rights, Room, SESSION_SSRCS_MAX, Seat, Shown, Transmit,
    WANTS_MAX, Wants,
};
pub use rtc::{IceLogin, Identity, Offer};
