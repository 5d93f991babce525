//! The JSON of a member straight from its record: byte for byte what serde makes of the [`Member`](consort_model::Member),
//! without making one.

use consort_model::{RoleId, UserId};
use serde_json::Value;

use super::bytes::Hash;
use super::record::{PERSON, Rare, Record, bit};
use crate::json::{put_bool, put_id, put_number, put_or_null, put_text, put_time, put_value};

/// What a fragment is preceded by.
macro_rules! raw {
    ($out:expr, $text:literal) => {
        $out.extend_from_slice($text.as_bytes())
    };
}

impl Record<'_> {
    /// Adds the member, but for the brace that closes it.
    pub(super) fn put_open_json(&self, out: &mut Vec<u8>, id: UserId, roles: &[RoleId]) {
        // The default, which nearly everybody has, is not allocated for.
        let rare: Rare =
            self.rare.as_deref().and_then(|json| serde_json::from_slice(json).ok()).unwrap_or_default();
        raw!(out, "{\"user\":");
        self.put_user(out, id, &rare);
        raw!(out, ",\"nick\":");
        put_or_null(out, self.nick.as_deref(), put_text);
        raw!(out, ",\"avatar\":");
        put_or_null(out, self.avatar.as_ref(), put_hash);
        raw!(out, ",\"banner\":");
        put_or_null(out, self.banner.as_ref(), put_hash);
        raw!(out, ",\"roles\":[");
        for (index, role) in roles.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            put_id(out, role.get());
        }
        raw!(out, "],\"joined_at\":");
        put_time(out, self.joined_at);
        raw!(out, ",\"premium_since\":");
        put_or_null(out, self.premium_since, put_time);
        raw!(out, ",\"deaf\":");
        put_bool(out, self.has(bit::DEAF));
        raw!(out, ",\"mute\":");
        put_bool(out, self.has(bit::MUTE));
        raw!(out, ",\"flags\":");
        put_number(out, self.flags);
        raw!(out, ",\"pending\":");
        put_bool(out, self.has(bit::PENDING));
        raw!(out, ",\"communication_disabled_until\":");
        put_or_null(out, self.timeout, put_time);
        raw!(out, ",\"avatar_decoration_data\":");
        put_or_null(out, rare.decoration.as_ref(), put_value::<Value>);
        raw!(out, ",\"collectibles\":");
        put_or_null(out, rare.collectibles.as_ref(), put_value::<Value>);
    }

    fn put_user(&self, out: &mut Vec<u8>, id: UserId, rare: &Rare) {
        raw!(out, "{\"id\":");
        put_id(out, id.get());
        raw!(out, ",\"username\":");
        put_text(out, &self.username);
        raw!(out, ",\"discriminator\":");
        put_text(out, self.discriminator.as_deref().unwrap_or(PERSON));
        raw!(out, ",\"global_name\":");
        put_or_null(out, self.global_name.as_deref(), put_text);
        raw!(out, ",\"avatar\":");
        put_or_null(out, self.user_avatar.as_ref(), put_hash);
        if self.has(bit::BOT) {
            raw!(out, ",\"bot\":true");
        }
        if self.has(bit::SYSTEM) {
            raw!(out, ",\"system\":true");
        }
        raw!(out, ",\"public_flags\":");
        put_number(out, self.public_flags);
        raw!(out, ",\"flags\":");
        put_number(out, self.user_flags);
        raw!(out, ",\"banner\":");
        put_or_null(out, self.user_banner.as_ref(), put_hash);
        raw!(out, ",\"accent_color\":");
        put_or_null(out, self.accent_color.map(u64::from), put_number);
        raw!(out, ",\"avatar_decoration_data\":");
        put_or_null(out, rare.user_decoration.as_ref(), put_value::<Value>);
        raw!(out, ",\"collectibles\":");
        put_or_null(out, rare.user_collectibles.as_ref(), put_value::<Value>);
        raw!(out, ",\"primary_guild\":");
        put_or_null(out, rare.primary_guild.as_ref(), put_value);
        out.push(b'}');
    }

    fn has(&self, bit: u64) -> bool {
        self.bits & bit != 0
    }
}

fn put_hash(out: &mut Vec<u8>, hash: &Hash<'_>) {
    let (animated, digest) = match hash {
        Hash::Digest { animated, digest } => (*animated, *digest),
        Hash::Text(text) => return put_text(out, text),
    };
    out.push(b'"');
    if animated {
        raw!(out, "a_");
    }
    let digits = digest.to_be_bytes().map(|byte| [byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]));
    out.extend_from_slice(digits.as_flattened());
    out.push(b'"');
}

const HEX: &[u8; 16] = b"0123456789abcdef";
