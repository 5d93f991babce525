//! The least of a gateway's bytes: frames as a server sends them, the top level of a JSON payload, an event's mark.

/// What stands before the number of an event of ours, in the content of a message or in a name.
pub const MARK: &[u8] = b"\"fan ";

/// A frame of a server.
pub struct Frame<'a> {
    /// The WebSocket opcode.
    pub opcode: u8,
    /// What it carries.
    pub body: &'a [u8],
    /// Its bytes with its header.
    pub size: usize,
}

/// The first frame of `data`, when it is whole. Frames of a server are not masked (RFC 6455, section 5.1).
pub fn frame(data: &[u8]) -> Option<Frame<'_>> {
    let opcode = data.first()? & 0x0f;
    let (header, length): (usize, usize) = match *data.get(1)? & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(data.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(data.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    let size = header.checked_add(length)?;
    data.get(header..size).map(|body| Frame { opcode, body, size })
}

/// What a payload says before `d`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Head<'a> {
    /// The opcode.
    pub op: u64,
    /// The sequence number of a dispatch.
    pub seq: Option<u64>,
    /// The name of a dispatch, empty for other opcodes.
    pub name: &'a [u8],
    /// Where the search for these three ended.
    pub end: usize,
}

/// Reads `op`, `s` and `t` of a payload in whatever order, and not a byte more than that takes. `None` is no payload.
pub fn head(body: &[u8]) -> Option<Head<'_>> {
    let mut head = Head::default();
    let mut found = 0u8;
    let mut at = skip_space(body, 0);
    if body.get(at) != Some(&b'{') {
        return None;
    }
    at += 1;
    while found != 0b111 {
        at = skip_space(body, at);
        if body.get(at) != Some(&b'"') {
            break;
        }
        let key_end = skip_string(body, at);
        let key = body.get(at + 1..key_end - 1)?;
        at = skip_space(body, key_end);
        if body.get(at) != Some(&b':') {
            return None;
        }
        at = skip_space(body, at + 1);
        let end = if key == b"d" && found == 0b111 { at } else { skip_value(body, at) };
        let value = body.get(at..end)?;
        match key {
            b"op" => (head.op, found) = (number(value)?, found | 1),
            b"s" => (head.seq, found) = (number(value), found | 2),
            b"t" => (head.name, found) = (text(value), found | 4),
            _ => {}
        }
        at = skip_space(body, end);
        if body.get(at) == Some(&b',') {
            at += 1;
        }
    }
    head.end = at;
    (found & 1 != 0).then_some(head)
}

/// The value of the first `"key":` anywhere in the payload, without its quotes: for what is read once a connection.
pub fn value<'a>(body: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let quoted = format!("\"{key}\":");
    let at = skip_space(body, find(body, quoted.as_bytes())? + quoted.len());
    let value = body.get(at..skip_value(body, at))?;
    Some(value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value))
}

/// The number of the event in a dispatch. `hint` is where the mark was found last, counted from `from`: it is nearly
/// always there again, as the events of a run are alike.
pub fn mark(body: &[u8], from: usize, hint: &mut usize) -> Option<u64> {
    let rest = body.get(from..)?;
    if !rest.get(*hint..).is_some_and(|there| there.starts_with(MARK)) {
        *hint = find(rest, MARK)?;
    }
    number(&rest[*hint + MARK.len()..])
}

/// Where `needle` begins in `data`.
pub fn find(data: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = data[from..].iter().position(|byte| *byte == first) {
        if data[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}

fn text(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => b"",
    }
}

fn skip_space(body: &[u8], at: usize) -> usize {
    let space = body.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace());
    at + space.count()
}

/// The index behind the string that begins at `at`.
fn skip_string(body: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    body.len()
}

/// The index behind the value that begins at `at`.
fn skip_value(body: &[u8], at: usize) -> usize {
    match body.get(at) {
        Some(b'"') => skip_string(body, at),
        Some(b'{' | b'[') => skip_nested(body, at),
        _ => {
            let rest = body.get(at..).unwrap_or_default();
            at + rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']')).unwrap_or(rest.len())
        }
    }
}

fn skip_nested(body: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => {
                at = skip_string(body, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_all_three_lengths() {
        assert!(frame(&[0x81]).is_none());
        assert!(frame(&[0x81, 5, 0]).is_none(), "not whole");
        let size = |data: &[u8]| frame(data).map(|frame| (frame.opcode, frame.body.len(), frame.size));
        assert_eq!(size(&[0x81, 1, b'a', 0x81]), Some((1, 1, 3)));
        let mut long = vec![0x82, 126, 1, 0];
        long.resize(4 + 256, 0);
        assert_eq!(size(&long), Some((2, 256, 260)));
        let mut huge = vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0];
        huge.resize(10 + 65536, 0);
        assert_eq!(size(&huge), Some((2, 65536, 65546)));
        assert!(frame(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255]).is_none());
    }

    #[test]
    fn heads_in_any_order() {
        let read = |text: &'static str| head(text.as_bytes()).unwrap();
        let ours = read(r#"{"s":42,"t":"READY","op":0,"d":{"op":9}}"#);
        assert_eq!((ours.op, ours.seq, ours.name), (0, Some(42), &b"READY"[..]));
        let late = read(r#"{ "d" : {"s":1,"x":"a\"}{","t":["q"]} , "op" : 0, "t":"X", "s": 7 }"#);
        assert_eq!((late.op, late.seq, late.name), (0, Some(7), &b"X"[..]));
        let hello = read(r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#);
        assert_eq!((hello.op, hello.seq, hello.name), (10, None, &b""[..]));
        assert_eq!(read(r#"{"op":11}"#).op, 11);
        assert_eq!(head(b"[]"), None);
        assert_eq!(head(b"{\"s\":1}"), None, "no opcode");
        assert_eq!(head(b"{\"op\":\"x"), None, "cut off");
    }

    #[test]
    fn values_and_marks() {
        let body = br#"{"op":10,"d":{"heartbeat_interval":41250,"session_id":"ab"}}"#;
        assert_eq!(value(body, "heartbeat_interval"), Some(&b"41250"[..]));
        assert_eq!(value(body, "session_id"), Some(&b"ab"[..]));
        assert_eq!(value(body, "nothing"), None);
        let mut hint = 0;
        assert_eq!(mark(b"{\"fa \"fan 17 x\"", 1, &mut hint), Some(17));
        assert_eq!(hint, 4);
        assert_eq!(mark(b"{\"fa \"fan 18\"", 1, &mut hint), Some(18));
        assert_eq!(mark(b"nothing", 0, &mut hint), None);
    }
}
