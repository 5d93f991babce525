//! One pass over a text that yields its mentions.

/// Longest decimal snowflake.
const ID_DIGITS_MAX: usize = 20;
/// Longest name an emoji has, in bytes: names are ASCII.
const EMOJI_NAME_BYTES_MAX: usize = 32;

/// One mention.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    User(u64),
    Role(u64),
    Channel(u64),
    Emoji { id: u64, name: &'a str, animated: bool },
    Everyone,
    Here,
}

/// Calls `found` for each mention of `text`, in order.
pub(super) fn tokens<'a>(text: &'a str, mut found: impl FnMut(Token<'a>)) {
    let bytes = text.as_bytes();
    let mut fences = Fences::default();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        at += match rest[0] {
            // Skipping a byte of a longer character is harmless: its other bytes start nothing.
            b'\\' => 2,
            b'`' => fences.skip(bytes, at),
            b'<' => match angle(&text[at..]) {
                Some((token, length)) => {
                    found(token);
                    length
                }
                None => 1,
            },
            b'@' if rest.starts_with(b"@everyone") => {
                found(Token::Everyone);
                "@everyone".len()
            }
            b'@' if rest.starts_with(b"@here") => {
                found(Token::Here);
                "@here".len()
            }
            _ => 1,
        };
    }
}

/// Finds the ends of code spans. A run of backticks that has no closing run of equal length is plain text;
/// that is remembered per length, so that a text of many unclosed runs is not searched over and over.
#[derive(Default)]
struct Fences {
    /// Bit n: no run of n + 1 backticks is ahead.
    unclosed: u64,
}

impl Fences {
    /// Returns how far to go on from the run at `at`: past the code it opens, or past the run itself.
    fn skip(&mut self, bytes: &[u8], at: usize) -> usize {
        let run = run_length(bytes, at);
        // Three and more open a block, which ends at the next three.
        let (wanted, block) = (run.min(3), run >= 3);
        let bit = 1u64 << (wanted - 1);
        if self.unclosed & bit != 0 {
            return run;
        }
        let mut next = at + run;
        while let Some(offset) = bytes[next..].iter().position(|byte| *byte == b'`') {
            let start = next + offset;
            let length = run_length(bytes, start);
            if length == wanted || (block && length >= wanted) {
                return start + length - at;
            }
            next = start + length;
        }
        self.unclosed |= bit;
        run
    }
}

fn run_length(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().take_while(|byte| **byte == b'`').count()
}

/// Reads `<...>` at the start of `text`; returns the mention and its length in bytes.
fn angle(text: &str) -> Option<(Token<'_>, usize)> {
    // `<a:`, name, `:`, id, `>`
    let longest = 3 + EMOJI_NAME_BYTES_MAX + 1 + ID_DIGITS_MAX + 1;
    let end = text.bytes().take(longest).position(|byte| byte == b'>')?;
    let inside = &text[1..end];
    let token = match inside.as_bytes().first()? {
        b'@' => match inside.as_bytes().get(1)? {
            b'&' => Token::Role(id(&inside[2..])?),
            b'!' => Token::User(id(&inside[2..])?),
            _ => Token::User(id(&inside[1..])?),
        },
        b'#' => Token::Channel(id(&inside[1..])?),
        b':' => emoji(&inside[1..], false)?,
        b'a' => emoji(inside.strip_prefix("a:")?, true)?,
        _ => return None,
    };
    Some((token, end + 1))
}

fn emoji(inside: &str, animated: bool) -> Option<Token<'_>> {
    let (name, digits) = inside.split_once(':')?;
    let legal = (1..=EMOJI_NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    legal.then_some(Token::Emoji { id: id(digits)?, name, animated })
}

/// Reads a snowflake; zero is none.
fn id(digits: &str) -> Option<u64> {
    let legal =
        (1..=ID_DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if legal { digits.parse().ok().filter(|id| *id != 0) } else { None }
}
