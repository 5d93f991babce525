//! Stages: who opens them, who is let speak, who asks to (Permissions page, "Stage Moderators"; Voice and Stage Instance pages).

use consort_model::{Patch, Timestamp};
use consort_rpc::guild::{Op, stage, voice};

use super::acts::{Act, Call, USERS};
use super::rules::{
    CONNECT, Kind, MANAGE_CHANNELS, MOVE, MUTE, NO_ACCESS, NONSENSE, REQUEST, Reasons, Rules,
};
use crate::voice::speak;
use crate::world::Session;

/// How long nobody speaks before a stage closes.
const SILENT_MS: u64 = 180_000;

impl Rules {
    /// A user is in a voice channel; whoever comes to a stage is of the audience.
    pub fn enter(&mut self, user: u64, channel: u64) {
        if self.voice.insert(user, channel) != Some(channel) {
            self.speakers.remove(&user);
        }
    }

    /// Whether a user is in a stage channel.
    pub fn is_on_stage(&self, user: u64) -> bool {
        let inside = self.voice.get(&user).and_then(|channel| self.channels.get(channel));
        inside.is_some_and(|channel| channel.kind == Kind::Stage)
    }

    /// Notes where nobody may speak any more.
    pub fn hush(&mut self) {
        let (voice, speakers, now_ms) = (&self.voice, &self.speakers, self.now_ms);
        for (channel, since) in &mut self.stages {
            let speaks = voice.iter().any(|(user, inside)| inside == channel && speakers.contains(user));
            *since = if speaks { None } else { since.or(Some(now_ms)) };
        }
    }

    /// "When a Stage channel has no speakers for a certain period of time it will be automatically deleted."
    pub fn close_silent_stages(&mut self) {
        let now_ms = self.now_ms;
        self.stages.retain(|_, since| since.is_none_or(|since| since + SILENT_MS > now_ms));
    }

    fn some_stage(&self, n: usize) -> Option<u64> {
        let stages: Vec<u64> =
            self.channels.iter().filter(|(_, found)| found.kind == Kind::Stage).map(|(id, _)| *id).collect();
        Some(stages[n.checked_rem(stages.len())?])
    }

    fn member(&self, user: u64) -> Reasons {
        if self.is_member(user) { Vec::new() } else { vec![NO_ACCESS] }
    }
}

/// What is done about stages. `session`: that of who goes to one.
pub fn of_stages(rules: &Rules, act: &Act, session: impl Fn(u64) -> Session) -> Option<Call> {
    let user = |n: usize| USERS[n % USERS.len()];
    Some(match *act {
        Act::Step(by, n) => {
            let (by, channel) = (user(by), rules.some_stage(n)?);
            let present = rules.voice.get(&by) == Some(&channel);
            let connect = if present { Vec::new() } else { rules.need_in(by, channel, CONNECT) };
            let reasons = [rules.member(by), connect].concat();
            Call::new(by, speak(session(by), Some(channel.into())), reasons, move |rules, _| {
                rules.enter(by, channel);
            })
        }
        Act::Stage(by, n, m) => direct(rules, user(by), rules.some_stage(n)?, m),
        Act::Invite(by, n, on) => {
            let (by, other) = (user(by), user(n));
            let moderates = by != other || on && !rules.speakers.contains(&by);
            let reasons = match rules.voice.get(&other).filter(|_| rules.is_on_stage(other)) {
                None => vec![NONSENSE],
                Some(inside) if moderates => rules.need_in(by, *inside, MUTE),
                Some(_) => Vec::new(),
            };
            let op = modify(other, Some(!on), Patch::Absent);
            Call::new(by, op, [rules.member(by), reasons].concat(), move |rules, _| {
                if on {
                    rules.speakers.insert(other)
                } else {
                    rules.speakers.remove(&other)
                };
            })
        }
        Act::Plead(by) => {
            let by = user(by);
            let reasons = match rules.voice.get(&by).filter(|_| rules.is_on_stage(by)) {
                None => vec![NONSENSE],
                Some(inside) => rules.need_in(by, *inside, REQUEST),
            };
            let at = Timestamp::from_ms(rules.now_ms);
            Call::new(by, modify(by, None, Patch::Value(at)), [rules.member(by), reasons].concat(), |_, _| {})
        }
        _ => return None,
    })
}

fn modify(user: u64, suppress: Option<bool>, request_to_speak: Patch<Timestamp>) -> Op {
    let user = Some(user.into());
    Op::Voice(voice::Op::Modify { user, channel: None, suppress, request_to_speak })
}

/// Opens a stage, gives it another topic, or closes it.
fn direct(rules: &Rules, by: u64, channel: u64, m: usize) -> Call {
    let open = rules.stages.contains_key(&channel);
    let moderator = rules.need_in(by, channel, MANAGE_CHANNELS | MUTE | MOVE);
    let wrong = |wrong: bool| if wrong { vec![NONSENSE] } else { Vec::new() };
    let topic = format!("topic {}", rules.topics);
    let id = channel.into();
    let stage = |op, wrongly, change: fn(&mut Rules, u64)| {
        let reasons = [moderator.clone(), wrong(wrongly)].concat();
        Call::new(by, Op::Stage(op), reasons, move |rules, _| {
            rules.topics += 1;
            change(rules, channel);
        })
        .audited()
    };
    match m % 4 {
        0 | 1 => {
            let op = stage::Op::Open { channel: id, topic, notify: false, event: None };
            let opened = |rules: &mut Rules, channel| {
                rules.stages.insert(channel, None);
            };
            stage(op, open, opened).telling("STAGE_INSTANCE_CREATE", channel)
        }
        2 => stage(stage::Op::Update { channel: id, topic: Some(topic) }, !open, |_, _| {})
            .telling("STAGE_INSTANCE_UPDATE", channel),
        _ => {
            let closed = |rules: &mut Rules, channel| {
                rules.stages.remove(&channel);
            };
            stage(stage::Op::Close { channel: id }, !open, closed).telling("STAGE_INSTANCE_DELETE", channel)
        }
    }
}
