//! The soundboard: who makes sounds, who hears of them, who may play them.

use consort_model::{ChannelId, ChannelType, Overwrite, Patch, Permissions};
use consort_rpc::guild::sound::{Op as S, SoundForm};
use consort_rpc::guild::voice::{Flags, Op as V};
use consort_rpc::guild::{Op, emoji, gateway, member};
use serde_json::{Value, json};

use crate::voice::speak;
use crate::world::{GUILD, OWNER, World, new_channel};

const ANN: u64 = 2;
const BEN: u64 = 3;

fn world() -> (World, ChannelId) {
    let mut world = World::new();
    world.seed([ANN, BEN]);
    let channel = world.create_channel(new_channel("voice", ChannelType::GuildVoice));
    (world, channel)
}

fn create(id: u64, form: SoundForm) -> Op {
    let form = SoundForm { name: form.name.or_else(|| Some("quack".into())), ..form };
    Op::Sound(S::Create { id: id.into(), form })
}

fn update(id: u64, form: SoundForm) -> Op {
    Op::Sound(S::Update { sound: id.into(), form })
}

fn delete(id: u64) -> Op {
    Op::Sound(S::Delete { sound: id.into() })
}

fn play(channel: ChannelId, sound: u64) -> Op {
    Op::Sound(S::Send { channel, sound: sound.into(), external: None })
}

#[test]
fn sounds_are_made_changed_shown_and_deleted_by_who_may() {
    let (mut world, _) = world();
    let ann = world.connect(ANN);
    assert_eq!(world.err(ANN, create(50, SoundForm::default())), (403, 50013));
    let made = world.ok(OWNER, create(50, SoundForm { volume: Patch::Value(0.5), ..SoundForm::default() }));
    assert_eq!(
        (&made["sound_id"], &made["volume"], &made["available"]),
        (&json!("50"), &json!(0.5), &json!(true))
    );
    assert_eq!(made["user"]["id"], "1");
    assert!(world.ok(ANN, Op::Sound(S::Get { sound: 50.into() }))["user"].is_null(), "not for everybody");
    assert_eq!(world.err(ANN, update(50, SoundForm::default())), (403, 50013));
    let changed =
        SoundForm { emoji_name: Patch::Value("🦆".into()), volume: Patch::Null, ..SoundForm::default() };
    let changed = world.ok(OWNER, update(50, changed));
    assert_eq!((&changed["emoji_name"], &changed["volume"]), (&json!("🦆"), &json!(1.0)));
    world.restart();
    assert_eq!(world.ok(ANN, Op::Sound(S::List))["items"][0]["emoji_name"], "🦆");
    assert_eq!(world.guild_create(ANN).unwrap()["soundboard_sounds"][0]["sound_id"], "50");
    world.look_away();
    world.ok(OWNER, delete(50));
    assert_eq!(world.names(ann), ["GUILD_SOUNDBOARD_SOUND_DELETE"]);
    assert_eq!(world.err(OWNER, delete(50)), (404, 10097));
    for sound in 0..8 {
        world.call(OWNER, create(100 + sound, SoundForm::default())).expect("made");
    }
    assert_eq!(world.err(OWNER, create(200, SoundForm::default())), (400, 30045));
}

#[test]
fn sounds_lose_an_emoji_that_is_deleted() {
    let (mut world, _) = world();
    let emoji = |id: u64| emoji::Op::Create {
        id: id.into(),
        name: "duck".into(),
        animated: false,
        roles: Vec::new(),
    };
    world.ok(OWNER, Op::Emoji(emoji(7)));
    let duck = || SoundForm { emoji_id: Patch::Value(7.into()), ..SoundForm::default() };
    let foreign = SoundForm { emoji_id: Patch::Value(8.into()), ..SoundForm::default() };
    assert_eq!(world.err(OWNER, create(50, foreign)), (404, 10014));
    world.ok(OWNER, create(50, duck()));
    world.ok(OWNER, create(51, duck()));
    let ann = world.connect(ANN);
    world.ok(OWNER, Op::Emoji(emoji::Op::Delete { emoji: 7.into() }));
    assert_eq!(world.names(ann), ["GUILD_EMOJIS_UPDATE", "GUILD_SOUNDBOARD_SOUNDS_UPDATE"]);
}

#[test]
fn those_in_the_channel_hear_a_sound() {
    let (mut world, channel) = world();
    world.ok(OWNER, create(50, SoundForm { emoji_name: Patch::Value("🦆".into()), ..SoundForm::default() }));
    let [owner, ann, ben] = [OWNER, ANN, BEN].map(|user| world.connect(user));
    assert_eq!(world.err(ANN, play(channel, 50)), (404, 10065), "not from outside");
    world.ok(ANN, speak(ann, Some(channel)));
    world.ok(OWNER, speak(owner, Some(channel)));
    world.look_away();
    assert_eq!(world.err(ANN, play(channel, 51)), (404, 10097));
    world.ok(ANN, play(channel, 50));
    let heard = world.take(owner);
    assert_eq!(heard[0].0, "VOICE_CHANNEL_EFFECT_SEND");
    let effect = &heard[0].1;
    assert_eq!((&effect["user_id"], &effect["sound_id"]), (&json!("2"), &json!("50")));
    assert_eq!((&effect["sound_volume"], &effect["emoji"]["name"]), (&json!(1.0), &json!("🦆")));
    assert_eq!(world.names(ann), ["VOICE_CHANNEL_EFFECT_SEND"]);
    assert_eq!(world.names(ben), [""; 0]);
}

#[test]
fn who_is_mute_deaf_suppressed_or_without_the_right_plays_nothing() {
    let (mut world, channel) = world();
    world.ok(OWNER, create(50, SoundForm::default()));
    let ann = world.connect(ANN);
    world.ok(ANN, speak(ann, Some(channel)));
    let elsewhere: Value = world.ok(ANN, Op::Sound(S::Get { sound: 50.into() }));
    let external = Some(Box::new(serde_json::from_value(elsewhere).unwrap()));
    let foreign = || Op::Sound(S::Send { channel, sound: 50.into(), external: external.clone() });
    world.ok(ANN, foreign());
    let without = |rights| Overwrite::role(GUILD.cast(), Permissions::empty(), rights);
    world.overwrite(channel, without(Permissions::USE_EXTERNAL_SOUNDS));
    assert_eq!(world.err(ANN, foreign()), (403, 50013));
    world.ok(ANN, play(channel, 50));
    for right in [Permissions::USE_SOUNDBOARD, Permissions::SPEAK] {
        world.overwrite(channel, without(right));
        assert_eq!(world.err(ANN, play(channel, 50)), (403, 50013));
    }
    world.overwrite(channel, without(Permissions::empty()));
    world.ok(ANN, play(channel, 50));
    let deafened = Op::Voice(V::Update {
        session: ann.key(),
        session_id: "session".into(),
        channel: Some(channel),
        flags: Flags { self_deaf: true, ..Flags::default() },
    });
    world.ok(ANN, deafened);
    assert_eq!(world.err(ANN, play(channel, 50)), (403, 50013));
    world.ok(ANN, speak(ann, Some(channel)));
    let update = member::Update { mute: Patch::Value(true), ..member::Update::default() };
    world.ok(OWNER, Op::Member(member::Op::Update { user: ANN.into(), update: Box::new(update) }));
    assert_eq!(world.err(ANN, play(channel, 50)), (403, 50013));
}

#[test]
fn a_session_asks_for_all_sounds() {
    let (mut world, _) = world();
    world.ok(OWNER, create(50, SoundForm::default()));
    let (ann, ben) = (world.connect(ANN), world.connect(BEN));
    world.ok(ANN, Op::Gateway(gateway::Op::Sounds { session: ann.key() }));
    let told = world.take(ann);
    assert_eq!(
        (told[0].0.as_str(), &told[0].1["soundboard_sounds"][0]["sound_id"]),
        ("SOUNDBOARD_SOUNDS", &json!("50"))
    );
    assert_eq!(world.names(ben), [""; 0]);
    assert_eq!(world.err(9, Op::Gateway(gateway::Op::Sounds { session: ann.key() })), (403, 50001));
}
