//! Erlang's external term format: a bounded reader, and a writer that transcodes JSON without a tree between.
//!
//! Tags are those of "External Term Format" in the Erlang/OTP documentation. What is written keeps to what erlpack,
//! the decoder of the JavaScript libraries, reads: strings and keys as BINARY_EXT, `nil`, `true` and `false` as
//! SMALL_ATOM_EXT, whole numbers as SMALL_INTEGER_EXT, INTEGER_EXT or SMALL_BIG_EXT, others as NEW_FLOAT_EXT.
//! (erlpack turns a big number of more than 4 bytes into a string.)

mod read;
mod write;

pub use read::{Error, MAX_BIG_BYTES, read};
pub use write::{
    from_json, put_binary, put_binary_header, put_integer, put_map_header, put_nil, put_small_atom,
};

/// The byte that begins every external term.
pub const VERSION: u8 = 131;

mod tag {
    pub(super) const NEW_FLOAT: u8 = 70;
    pub(super) const COMPRESSED: u8 = 80;
    pub(super) const SMALL_INTEGER: u8 = 97;
    pub(super) const INTEGER: u8 = 98;
    pub(super) const FLOAT: u8 = 99;
    pub(super) const ATOM: u8 = 100;
    pub(super) const SMALL_TUPLE: u8 = 104;
    pub(super) const LARGE_TUPLE: u8 = 105;
    pub(super) const NIL: u8 = 106;
    pub(super) const STRING: u8 = 107;
    pub(super) const LIST: u8 = 108;
    pub(super) const BINARY: u8 = 109;
    pub(super) const SMALL_BIG: u8 = 110;
    pub(super) const LARGE_BIG: u8 = 111;
    pub(super) const SMALL_ATOM: u8 = 115;
    pub(super) const MAP: u8 = 116;
    pub(super) const ATOM_UTF8: u8 = 118;
    pub(super) const SMALL_ATOM_UTF8: u8 = 119;
}
