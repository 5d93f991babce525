//! Effects of an owner that nobody asks after the start: they arrive all the same.

use super::Writer;
use super::cycle::relation;
use crate::api::{Api, User};
use crate::server::Server;
use serde_json::json;

/// Somebody asks others to be friends and takes it back; afterwards only the others are looked at.
pub(super) struct Untouched {
    sender: User,
    others: Vec<User>,
    /// Whom it has asked.
    asked: Vec<bool>,
    next: usize,
    /// Whom a change concerned that was not acknowledged.
    under_way: Option<usize>,
}

impl Untouched {
    pub(super) fn new(sender: User, others: Vec<User>) -> Self {
        let asked = vec![false; others.len()];
        Self { sender, others, asked, next: 0, under_way: None }
    }
}

impl Writer for Untouched {
    fn name(&self) -> &'static str {
        "untouched"
    }

    fn step(&mut self, api: &Api) -> Result<(), String> {
        let at = self.next % self.others.len();
        let path = format!("/users/@me/relationships/{}", self.others[at].id);
        self.under_way = Some(at);
        match self.asked[at] {
            true => api.ok("DELETE", &path, &self.sender.token, None)?,
            false => api.ok("PUT", &path, &self.sender.token, Some(json!({})))?,
        };
        (self.under_way, self.asked[at]) = (None, !self.asked[at]);
        self.next += 1;
        Ok(())
    }

    fn check(&mut self, api: &Api, _server: &Server) -> Result<usize, String> {
        for (at, other) in self.others.iter().enumerate() {
            if self.under_way == Some(at) {
                continue;
            }
            let seen = relation(api, &other.token, &self.sender.id)?;
            let expected = if self.asked[at] { "is asked" } else { "none" };
            if seen != expected {
                return Err(format!("{} sees {seen:?} of one who wants {expected:?}", other.id));
            }
        }
        // Only the sender can say what became of what was not acknowledged.
        if let Some(at) = self.under_way {
            let (own, other) = (&self.sender, &self.others[at]);
            let wanted = relation(api, &own.token, &other.id)?;
            let seen = relation(api, &other.token, &own.id)?;
            if (wanted == "asked") != (seen == "is asked") {
                return Err(format!("{} sees {seen:?} of one who has {wanted:?}", other.id));
            }
            (self.asked[at], self.under_way) = (wanted == "asked", None);
        }
        Ok(self.others.len())
    }
}
