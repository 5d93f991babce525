//! Text without the difference between upper and lower case, with the way back to what was written.

use std::ops::Range;

/// A text in lower case.
pub(super) struct Folded<'a> {
    written: &'a str,
    lower: String,
    /// For each byte of `lower` the byte of `written` where its character begins, and the end; empty where they are the same.
    origins: Vec<u32>,
}

impl<'a> Folded<'a> {
    pub(super) fn new(written: &'a str) -> Self {
        if written.is_ascii() {
            return Self { written, lower: written.to_ascii_lowercase(), origins: Vec::new() };
        }
        let mut lower = String::with_capacity(written.len());
        let mut origins = Vec::with_capacity(written.len() + 1);
        for (at, c) in written.char_indices() {
            lower.extend(c.to_lowercase());
            origins.resize(lower.len(), at as u32);
        }
        origins.push(written.len() as u32);
        Self { written, lower, origins }
    }

    pub(super) fn text(&self) -> &str {
        &self.lower
    }

    /// What was written at a place of the text in lower case.
    pub(super) fn written(&self, span: &Range<usize>) -> &'a str {
        let range = self.origin(span.start)..self.end(span.end);
        self.written.get(range).unwrap_or_default()
    }

    /// Where a place in lower case is in what was written.
    pub(super) fn span(&self, span: &Range<usize>) -> Range<usize> {
        self.origin(span.start)..self.end(span.end)
    }

    fn origin(&self, at: usize) -> usize {
        self.origins.get(at).map_or(at, |origin| *origin as usize)
    }

    /// The end of a character that became several ends with the last of them.
    fn end(&self, at: usize) -> usize {
        let Some(origin) = self.origins.get(at).map(|origin| *origin as usize) else { return at };
        let begun = at.checked_sub(1).and_then(|before| self.origins.get(before));
        match begun.is_some_and(|before| *before as usize == origin) {
            true => origin + self.written[origin..].chars().next().map_or(0, char::len_utf8),
            false => origin,
        }
    }
}
