//! Names, passwords and addresses of accounts.

use super::{Checked, is_invisible, sized, wrong};
use crate::limits::{EMAIL_BYTES_MAX, EMAIL_LOCAL_BYTES_MAX, PASSWORD_CHARS, USERNAME_CHARS};

/// Names that nobody may have, since a text would seem to mention everyone, or the system to speak.
pub const RESERVED_USERNAMES: &[&str] =
    &["everyone", "here", "discord", "consort", "system", "system_message", "clyde", "deleted_user"];
/// Texts that no username may contain.
const FORBIDDEN_IN_USERNAMES: &[&str] = &["discord"];

/// Checks a username: 2-32 of `a-z 0-9 _ .`, no two dots in a row, not reserved. Upper case is lowered.
pub fn username(text: &str) -> Checked {
    let name = sized(text.trim().to_ascii_lowercase(), USERNAME_CHARS)?;
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.');
    if !name.bytes().all(legal) {
        let message = "Please only use numbers, letters, underscores _ , or periods.";
        return Err(wrong("USERNAME_INVALID_CHARACTERS", message));
    }
    if name.contains("..") {
        return Err(wrong("USERNAME_INVALID_CHARACTERS", "Username cannot contain repeating periods."));
    }
    if let Some(part) = FORBIDDEN_IN_USERNAMES.iter().find(|part| name.contains(**part)) {
        return Err(wrong("USERNAME_INVALID_CONTAINS", format!("Username cannot contain \"{part}\"")));
    }
    if RESERVED_USERNAMES.contains(&name.as_str()) {
        return Err(wrong("USERNAME_INVALID_EQUALS", "This username is reserved."));
    }
    Ok(name)
}

/// Checks a password: 8-72 characters, taken as they are.
pub fn password(text: &str) -> Checked {
    sized(text.to_owned(), PASSWORD_CHARS)
}

/// Checks the shape of an address: one local part and a domain with a dot. Whether it exists only a mail can
/// tell. Returned in lower case, so that one mailbox has one account (our choice: RFC 5321 leaves the local
/// part's case to the receiving host).
pub fn email(text: &str) -> Checked {
    let address = text.trim().to_lowercase();
    let ill_formed = || wrong("EMAIL_TYPE_INVALID_EMAIL", "Not a well formed email address.");
    let (local, domain) = address.rsplit_once('@').ok_or_else(ill_formed)?;
    let local_is_good = (1..=EMAIL_LOCAL_BYTES_MAX).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && !local.chars().any(|c| c.is_whitespace() || is_invisible(c) || "()<>[]:;@\\,\"".contains(c));
    let good = address.len() <= EMAIL_BYTES_MAX && local_is_good && domain_is_good(domain);
    if good { Ok(address) } else { Err(ill_formed()) }
}

fn domain_is_good(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    domain.contains('.') && domain.split('.').all(label)
}
