use std::collections::BTreeMap;

use consort_model::{PrimaryGuild, Timestamp};
use consort_store::row;
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{2,12}", "\\PC{0,8}", Just("a\"\\\n\u{1F600}".to_owned()), Just(String::new())]
}

fn hashes() -> impl Strategy<Value = Option<String>> {
    of(prop_oneof!["(a_)?[0-9a-f]{32}", texts()])
}

fn times() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        any::<i64>().prop_map(Timestamp::from_micros),
        (0u64..4_000_000_000_000).prop_map(Timestamp::from_ms)
    ]
}

fn values() -> impl Strategy<Value = Option<Value>> {
    of(texts().prop_map(|text| json!({"asset": text, "sku_id": "1"})))
}

prop_compose! {
    fn users()(
        id in prop_oneof![0u64..400, any::<u64>()],
        (username, discriminator) in (texts(), prop_oneof![Just("0".to_owned()), "[0-9]{4}"]),
        (global_name, avatar, banner) in (of(texts()), hashes(), hashes()),
        (bot, system) in any::<(bool, bool)>(),
        (public_flags, flags) in (0u64..3, prop_oneof![Just(0), any::<u64>()]),
        accent_color in of(any::<u32>()),
        (avatar_decoration_data, collectibles) in (values(), values()),
        tag in of((of(any::<u64>()), of(any::<bool>()), of(texts()), hashes())),
    ) -> User {
        let primary_guild = tag.map(|(guild, identity_enabled, tag, badge)| PrimaryGuild {
            identity_guild_id: guild.map(consort_model::GuildId::new), identity_enabled, tag, badge,
        });
        User {
            id: UserId::new(id), username, discriminator, global_name, avatar, bot, system, public_flags, flags, banner,
            accent_color, avatar_decoration_data, collectibles, primary_guild,
        }
    }
}

prop_compose! {
    fn members()(
        user in users().boxed(),
        (nick, avatar, banner) in (of(texts()), hashes(), hashes()),
        roles in prop::collection::vec(1u64..6, 0..4),
        (joined_at, premium_since, communication_disabled_until) in (times(), of(times()), of(times())),
        (deaf, mute, pending) in any::<(bool, bool, bool)>(),
        flags in prop_oneof![Just(0), any::<u64>()],
        (avatar_decoration_data, collectibles) in (values(), values()),
    ) -> Member {
        Member {
            user: Some(user), nick, avatar, banner, roles: roles.into_iter().map(RoleId::new).collect(), joined_at,
            premium_since, deaf, mute, flags, pending, communication_disabled_until, avatar_decoration_data,
            collectibles,
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Insert(Box<Member>),
    Load(Box<Member>),
    Remove(u64),
    RemoveRole(u64),
}

fn steps() -> impl Strategy<Value = Step> {
    let boxed = members().prop_map(Box::new).boxed();
    prop_oneof![
        6 => boxed.clone().prop_map(Step::Insert),
        3 => boxed.prop_map(Step::Load),
        3 => (0u64..400).prop_map(Step::Remove),
        1 => (1u64..6).prop_map(Step::RemoveRole),
    ]
}

/// Everything a packed member says is what the member says.
fn agrees(packed: Packed<'_>, member: &Member) {
    assert_eq!(packed.unpack(), *member);
    let user = member.user.as_ref().unwrap();
    assert_eq!((packed.id(), packed.roles()), (user.id, member.roles.as_slice()));
    assert_eq!((packed.is_bot(), packed.is_pending()), (user.bot, member.pending));
    assert_eq!((packed.is_muted(), packed.is_deafened()), (member.mute, member.deaf));
    assert_eq!(
        (packed.timeout(), packed.joined_at()),
        (member.communication_disabled_until, member.joined_at)
    );
    assert_eq!(packed.display_name(), member.display_name());
    let names = [Some(&user.username), user.global_name.as_ref(), member.nick.as_ref()];
    assert!(packed.names().eq(names.into_iter().flatten().map(String::as_str)));
    assert_eq!(packed.without_user(), member.without_user());
    assert_eq!(packed.account().as_ref(), Some(user));
    assert_eq!(serde_json::to_value(packed).unwrap(), serde_json::to_value(member).unwrap());
    let mut json = Vec::new();
    packed.put_open_json(&mut json);
    json.push(b'}');
    assert_eq!(String::from_utf8(json).unwrap(), serde_json::to_string(member).unwrap());
}

proptest! {
    #[test]
    fn every_member_comes_back(member in members()) {
        let mut roster = Roster::default();
        roster.insert(&member);
        let user = member.user.as_ref().unwrap().id;
        agrees(roster.get(user).unwrap(), &member);
        let mut loaded = Roster::default();
        loaded.insert_row(&row::encode(&member), |_| true).unwrap();
        agrees(loaded.get(user).unwrap(), &member);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn it_behaves_as_a_map(steps in prop::collection::vec(steps(), 1..500)) {
        let (mut roster, mut map) = (Roster::default(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Insert(member) => {
                    roster.insert(&member);
                    map.insert(member.user.as_ref().unwrap().id, *member);
                }
                Step::Load(mut member) => {
                    roster.insert_row(&row::encode(&member), |role| role.get() != 5).unwrap();
                    member.roles.retain(|role| role.get() != 5);
                    map.insert(member.user.as_ref().unwrap().id, *member);
                }
                Step::Remove(user) => {
                    let user = UserId::new(user);
                    assert_eq!(roster.remove(user), map.remove(&user).is_some());
                }
                Step::RemoveRole(role) => {
                    roster.remove_role(RoleId::new(role));
                    map.values_mut().for_each(|member| member.roles.retain(|held| held.get() != role));
                }
            }
            assert_eq!(roster.len(), map.len());
        }
        assert!(roster.ids().eq(map.keys().copied()));
        for (packed, member) in roster.iter().zip(map.values()) {
            agrees(packed, member);
        }
        for user in [0, 37, 200, 399, u64::MAX].map(UserId::new) {
            assert_eq!(roster.get(user).map(Packed::unpack), map.get(&user).cloned());
            assert_eq!(roster.roles(user), map.get(&user).map(|m| m.roles.as_slice()).unwrap_or_default());
            let after = map.range((Bound::Excluded(user), Bound::Unbounded)).map(|(user, _)| *user);
            assert!(roster.after(user).map(Packed::id).eq(after));
        }
        for query in ["", "a", "AB", "abc", "\u{1F600}", "a\"", "\0", "\u{130}"] {
            let begins = |name: &str| name.chars().flat_map(char::to_lowercase).collect::<String>();
            let named = map.values().filter(|member| {
                let user = member.user.as_ref().unwrap();
                let names = [Some(&user.username), user.global_name.as_ref(), member.nick.as_ref()];
                names.into_iter().flatten().any(|name| begins(name).starts_with(&query.to_lowercase()))
            });
            let named = named.map(|member| member.user.as_ref().unwrap().id);
            assert!(roster.named(query).map(Packed::id).eq(named), "{query:?}");
        }
        let (mut counted, mut counts) = (BTreeMap::<_, u32>::new(), BTreeMap::<_, u32>::new());
        for (roles, members) in roster.role_sets() {
            *counted.entry(roles.to_vec()).or_default() += members;
        }
        for member in map.values() {
            *counts.entry(member.roles.clone()).or_default() += 1;
        }
        assert_eq!(counted, counts);
    }
}

fn person(id: u64) -> Member {
    let mut user = User::person(UserId::new(id), format!("somebody_{id}"));
    user.avatar = Some(format!("{id:032x}"));
    let mut member = Member::new(user, Timestamp::from_ms(1_700_000_000_000 + id));
    member.roles = (0..id % 4).map(RoleId::new).collect();
    member
}

#[test]
fn members_in_the_order_of_their_ids_take_little_more_than_their_texts() {
    let mut roster = Roster::default();
    for id in 0..20_000 {
        roster.insert(&person(id * 1_000));
    }
    let pages = roster.pages.len();
    assert_eq!(pages, 20_000usize.div_ceil(PAGE_MEMBERS_MAX), "pages are full");
    let bytes = |page: &Page| page.ids.capacity() * 18 + page.bytes.capacity();
    let bytes: usize = roster.pages.values().map(bytes).sum();
    // 17 of the name, 17 of the avatar, 7 of the time, 3 of lengths and bits, 1 of the roles, 18 beside.
    assert!(bytes / 20_000 <= 66, "{} bytes a member", bytes / 20_000);
}

#[test]
fn pages_that_empty_are_given_back() {
    let mut roster = Roster::default();
    (0..20_000).for_each(|id| roster.insert(&person(id * 7_919 % 20_011)));
    let full = roster.pages.len();
    let gone: Vec<_> = roster.ids().filter(|user| user.get() % 50 != 0).collect();
    gone.into_iter().for_each(|user| assert!(roster.remove(user)));
    assert!(roster.pages.len() * 8 < full, "{} of {full}", roster.pages.len());
    assert!(roster.iter().all(|packed| packed.unpack() == person(packed.id().get())));
}
