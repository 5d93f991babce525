//! Words with wildcards (Auto Moderation, Keyword Matching Strategies): `cat` is a whole word, `cat*` and `*cat` one that begins or
//! ends so, `*cat*` any text with it in.
//!
//! All of them are literals of one automaton; what stands around a find decides whether it is one.

use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::Find;
use super::fold::Folded;

/// Finds of one text that are looked at. Words that are parts of each other could have thousands for each character; what is
/// forbidden is found long before.
const FINDS_MAX: usize = 100_000;
/// Finds of a rule with allowed words that are kept until all of the text is read.
const KEPT_MAX: usize = 256;

/// What a word of a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The rule looks for it.
    Forbidden,
    /// What lies in it is no find.
    Allowed,
}

#[derive(Debug)]
struct Word {
    rule: usize,
    kind: Kind,
    /// As the rule has it.
    keyword: String,
    /// Whether a word may go on before it, and after it.
    open: (bool, bool),
}

/// The words of all rules.
#[derive(Debug, Default)]
pub(super) struct Words {
    automaton: Option<AhoCorasick>,
    words: Vec<Word>,
    /// Rules with allowed words.
    lenient: Vec<usize>,
}

/// What a text has for one rule.
#[derive(Default)]
struct Seen {
    /// Words, and where they are in lower case.
    forbidden: Vec<(usize, Range<usize>)>,
    allowed: Vec<Range<usize>>,
}

impl Words {
    pub(super) fn new(list: Vec<(usize, Kind, String)>) -> Self {
        let (mut words, mut literals, mut lenient) = (Vec::new(), Vec::new(), Vec::new());
        for (rule, kind, keyword) in list {
            let trimmed = keyword.trim();
            let open = (trimmed.starts_with('*'), trimmed.ends_with('*'));
            let literal = trimmed.trim_matches('*').trim().to_lowercase();
            if literal.is_empty() {
                continue;
            }
            if kind == Kind::Allowed && lenient.last() != Some(&rule) {
                lenient.push(rule);
            }
            literals.push(literal);
            words.push(Word { rule, kind, keyword, open });
        }
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::Standard).kind(Some(AhoCorasickKind::ContiguousNFA));
        let automaton = match literals.is_empty() {
            true => None,
            false => {
                builder.build(&literals).inspect_err(|error| tracing::error!(%error, "words of rules")).ok()
            }
        };
        Self { automaton, words, lenient }
    }

    /// The first word of each wanted rule that is in the text.
    pub(super) fn search(&self, folded: &Folded<'_>, wanted: &impl Fn(usize) -> bool) -> Vec<Find> {
        let mut seen: BTreeMap<usize, Seen> = BTreeMap::new();
        self.each(folded, |place, word, span| {
            if !wanted(word.rule) {
                return;
            }
            let seen = seen.entry(word.rule).or_default();
            let kept = if self.lenient.contains(&word.rule) { KEPT_MAX } else { 1 };
            match word.kind {
                Kind::Forbidden if seen.forbidden.len() < kept => seen.forbidden.push((place, span)),
                Kind::Allowed if seen.allowed.len() < kept => seen.allowed.push(span),
                _ => {}
            }
        });
        let first = |(rule, seen): (usize, Seen)| {
            let covered = |span: &Range<usize>| seen.allowed.iter().any(|allowed| covers(allowed, span));
            let (place, span) = seen.forbidden.into_iter().find(|(_, span)| !covered(span))?;
            let keyword = self.words[place].keyword.clone();
            Some(Find { rule, keyword, content: folded.written(&span).to_owned() })
        };
        seen.into_iter().filter_map(first).collect()
    }

    /// Whether a place of what was written lies in a word that a rule allows.
    pub(super) fn allows(&self, folded: &Folded<'_>, rule: usize, written: &Range<usize>) -> bool {
        let mut allowed = false;
        if self.lenient.contains(&rule) {
            self.each(folded, |_, word, span| {
                allowed |=
                    word.rule == rule && word.kind == Kind::Allowed && covers(&folded.span(&span), written);
            });
        }
        allowed
    }

    /// Every word that stands in the text as its wildcards want it. Allowed words reach to the ends that their wildcards leave open.
    fn each(&self, folded: &Folded<'_>, mut take: impl FnMut(usize, &Word, Range<usize>)) {
        let Some(automaton) = &self.automaton else { return };
        let text = folded.text();
        for found in automaton.find_overlapping_iter(text).take(FINDS_MAX) {
            let place = found.pattern().as_usize();
            let word = &self.words[place];
            let (start, end) = (found.start(), found.end());
            let whole = (word.open.0 || begins_word(text, start)) && (word.open.1 || ends_word(text, end));
            if !whole {
                continue;
            }
            let span = match word.kind {
                Kind::Forbidden => start..end,
                Kind::Allowed => {
                    let start = if word.open.0 { word_start(text, start) } else { start };
                    start..if word.open.1 { word_end(text, end) } else { end }
                }
            };
            take(place, word, span);
        }
    }
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether no word goes on into what begins here.
fn begins_word(text: &str, at: usize) -> bool {
    let (before, after) = (text[..at].chars().next_back(), text[at..].chars().next());
    !(before.is_some_and(of_word) && after.is_some_and(of_word))
}

/// Whether no word goes on out of what ends here.
fn ends_word(text: &str, at: usize) -> bool {
    begins_word(text, at)
}

fn word_start(text: &str, at: usize) -> usize {
    let of_word = text[..at].char_indices().rev().take_while(|(_, c)| of_word(*c));
    of_word.last().map_or(at, |(start, _)| start)
}

fn word_end(text: &str, at: usize) -> usize {
    text[at..].find(|c| !of_word(c)).map_or(text.len(), |end| at + end)
}
