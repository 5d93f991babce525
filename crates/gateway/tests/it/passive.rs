//! Sessions that do not look at a guild, on real sockets.

use std::sync::Arc;

use consort_gateway::Config;
use consort_model::UserId;
use consort_rpc::{Audience, Change, ClassSet, Event, View, Withheld};
use serde_json::{Value, json};

use crate::client::Client;
use crate::rig::{Rig, event, guild as guild_id};

const PASSIVE: u64 = 1 << 14;

/// A message of a large guild, in a channel seen by these classes.
fn message(classes: impl IntoIterator<Item = u32>, channel: u64, id: u64, mentions: &[u64]) -> Event {
    let view = View::Classes(Arc::new(classes.into_iter().collect::<ClassSet>()));
    let d = json!({"channel_id": channel.to_string(), "id": id.to_string()});
    let users = mentions.iter().copied().map(UserId::new).collect();
    let change = Change::Message { channel: channel.into(), id: id.into() };
    event(guild_id(1), Audience::view(view), &d).withhold(Withheld { users, ..Withheld::but(change) })
}

async fn person(rig: &Rig, user: u64, capabilities: u64) -> Client {
    rig.member(user, &[guild_id(1)]);
    let mut client = rig.connect("v=10&encoding=json").await;
    client.identify_as(json!({"token": format!("user-{user}"), "capabilities": capabilities})).await;
    client
}

fn ids(d: &Value) -> Vec<(&str, &str)> {
    let channels = d["updated_channels"].as_array().unwrap().iter();
    channels
        .map(|channel| (channel["id"].as_str().unwrap(), channel["last_message_id"].as_str().unwrap()))
        .collect()
}

/// What a client has been told of channel 10.
#[derive(Default)]
struct Audit {
    /// Its newest message, as far as is known.
    newest: u64,
    events: u64,
    deltas: u64,
}

impl Audit {
    /// Takes dispatches in until `done`; a heartbeat's answer is one more thing to stop at.
    async fn read(&mut self, client: &mut Client, done: impl Fn(&Self, bool) -> bool) {
        let mut answered = false;
        while !done(self, answered) {
            let payload = client.payload().await;
            answered |= payload["op"] == 11;
            match payload["t"].as_str() {
                Some("MESSAGE_CREATE") => {
                    let id: u64 = payload["d"]["id"].as_str().unwrap().parse().unwrap();
                    assert_eq!(id, self.newest + 1, "a gap or a double");
                    self.newest = id;
                    self.events += 1;
                }
                Some("PASSIVE_UPDATE_V2") => {
                    let id: u64 = ids(&payload["d"])[0].1.parse().unwrap();
                    assert!(id > self.newest, "nothing new");
                    self.newest = id;
                    self.deltas += 1;
                }
                _ => assert_eq!(payload["op"], 11, "{payload}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_sessions_of_a_user_only_the_one_that_does_not_look_is_spared() {
    let rig = Rig::start().await;
    rig.class(2, 1);
    let (mut passive, mut other) = (person(&rig, 2, PASSIVE).await, person(&rig, 2, 0).await);
    rig.guilds.log.wait_for(2).await;
    rig.publish_event(message([1], 10, 1, &[]));
    rig.publish_event(message([7], 11, 2, &[]));
    rig.publish_event(message([1], 10, 3, &[2]));
    assert_eq!(other.dispatch().await.1["id"], "1");
    assert_eq!(other.dispatch().await.1["id"], "3");
    let mut heard = [passive.dispatch().await, passive.dispatch().await];
    // Whether the delta has gone out before the mention came is a matter of the slice's turns.
    heard.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!((heard[0].0.as_str(), &heard[0].1["id"]), ("MESSAGE_CREATE", &json!("3")));
    assert_eq!((heard[1].0.as_str(), ids(&heard[1].1)[0].0), ("PASSIVE_UPDATE_V2", "10"));
    assert_eq!(heard[1].1["guild_id"], guild_id(1).to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn between_deltas_and_events_is_no_gap_and_no_double() {
    const ROUNDS: u64 = 40;
    const EACH: u64 = 50;
    let interval = std::time::Duration::from_millis(2);
    let rig = Rig::with(Config { slices: 2, passive_interval: interval, ..Config::default() }).await;
    let mut client = person(&rig, 2, PASSIVE).await;
    rig.guilds.log.wait_for(1).await;
    let mut audit = Audit::default();
    for round in 0..ROUNDS {
        // The guild talks on while the word of the client is on its way.
        let look = json!({"typing": round % 2 == 0});
        client.send(json!({"op": 37, "d": {"subscriptions": {(guild_id(1).to_string()): look}}})).await;
        for id in round * EACH + 1..=(round + 1) * EACH {
            rig.publish_event(message([0], 10, id, &[]));
        }
        if round % 4 > 1 {
            // And now and then it has arrived before the guild goes on.
            client.send(json!({"op": 1, "d": null})).await;
            audit.read(&mut client, |_, answered| answered).await;
        }
    }
    audit.read(&mut client, |audit, _| audit.newest == ROUNDS * EACH).await;
    assert!(audit.events > 0 && audit.deltas > 0, "{} events, {} deltas", audit.events, audit.deltas);
}
