//! What the rules of the automatic moderation find in a text: compiled once for each change of the rules, and asked for each
//! message. Pure: no guild, no clock.
//!
//! * All words of all rules are one automaton, which reads a text once whatever their number ([`words`]).
//! * Regular expressions run in time linear in the text, with a budget for each text ([`expression`]).

mod expression;
mod fold;
mod words;

use consort_model::auto_moderation::trigger;
use consort_model::{AutoModerationRule, Lookup};

pub use expression::Expression;
use fold::Folded;
use words::{Kind, Words};

/// Words of the lists that come with the server, by preset: one a line, with the wildcards of rules. Ours, English only, and
/// short: what is offensive is for each community to say.
const PRESETS: [(u8, &str); 3] = [
    (1, include_str!("presets/profanity.txt")),
    (2, include_str!("presets/sexual.txt")),
    (3, include_str!("presets/slurs.txt")),
];

/// What a rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    /// The place of the rule among those that the engine was made of.
    pub rule: usize,
    /// The word or expression, as the rule has it.
    pub keyword: String,
    /// What of the text it is.
    pub content: String,
}

/// The words and expressions of some rules.
#[derive(Debug, Default)]
pub struct Engine {
    words: Words,
    /// The expressions of each rule that has some.
    expressions: Vec<(usize, Vec<Expression>)>,
}

impl Engine {
    /// Compiles rules. Expressions that the engine before had are taken over with what they have learnt.
    pub fn new<'a>(rules: impl IntoIterator<Item = &'a AutoModerationRule>, before: Self) -> Self {
        let mut known: Lookup<String, Vec<Expression>> = Lookup::default();
        for expression in before.expressions.into_iter().flat_map(|(_, expressions)| expressions) {
            known.entry(expression.pattern().to_owned()).or_default().push(expression);
        }
        let (mut list, mut expressions) = (Vec::new(), Vec::new());
        for (place, rule) in rules.into_iter().enumerate() {
            let metadata = &rule.trigger_metadata;
            let looked_for = metadata.keyword_filter.iter().flatten().map(String::as_str);
            let presets = metadata.presets.iter().flatten().filter_map(|preset| {
                let found = PRESETS.iter().find(|(number, _)| number == preset);
                found.map(|(_, words)| words.lines().filter(|line| !line.is_empty()))
            });
            let presets = presets.flatten().filter(|_| rule.trigger_type == trigger::PRESET);
            list.extend(looked_for.chain(presets).map(|word| (place, Kind::Forbidden, word.to_owned())));
            let allowed = metadata.allow_list.iter().flatten();
            list.extend(allowed.map(|word| (place, Kind::Allowed, word.clone())));
            let patterns = metadata.regex_patterns.iter().flatten();
            // A stored expression was compiled once already, before it was stored.
            let compiled: Vec<_> = patterns
                .filter_map(|pattern| {
                    let learnt = known.get_mut(pattern).and_then(Vec::pop);
                    learnt.or_else(|| Expression::new(pattern).ok())
                })
                .collect();
            if !compiled.is_empty() {
                expressions.push((place, compiled));
            }
        }
        Self { words: Words::new(list), expressions }
    }

    /// The first find of each rule that `wanted` names, in the order of the rules.
    pub fn search(&mut self, text: &str, wanted: impl Fn(usize) -> bool) -> Vec<Find> {
        let folded = Folded::new(text);
        let mut finds = self.words.search(&folded, &wanted);
        let mut budget = expression::BUDGET;
        for (rule, expressions) in &mut self.expressions {
            if !wanted(*rule) || finds.iter().any(|find| find.rule == *rule) {
                continue;
            }
            let found = expressions.iter_mut().find_map(|expression| {
                let span = expression.find(text, &mut budget)?;
                (!self.words.allows(&folded, *rule, &span)).then(|| (expression.pattern().to_owned(), span))
            });
            if let Some((keyword, span)) = found {
                finds.push(Find { rule: *rule, keyword, content: text[span].to_owned() });
            }
        }
        finds.sort_by_key(|find| find.rule);
        finds
    }
}

#[cfg(test)]
mod tests;
