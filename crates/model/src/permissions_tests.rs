use super::*;
use proptest::prelude::*;

const GUILD: GuildId = GuildId::new(1);
const USER: UserId = UserId::new(100);

fn role(id: u64) -> RoleId {
    RoleId::new(id)
}

#[test]
fn bits_are_decimal_strings_and_unknown_ones_are_dropped() {
    let set = Permissions::BYPASS_SLOWMODE | Permissions::VIEW_CHANNEL;
    let json = serde_json::to_string(&set).unwrap();
    assert_eq!(json, format!("\"{}\"", (1u64 << 52) + 1024));
    assert_eq!(serde_json::from_str::<Permissions>(&json).unwrap(), set);
    assert_eq!(serde_json::from_str::<Permissions>("1024").unwrap(), Permissions::VIEW_CHANNEL);
    assert_eq!(parse_permissions(&(1u64 << 47).to_string()), Some(Permissions::empty()));
    // 2^64 + 1024: longer than the bits known here.
    assert_eq!(parse_permissions("18446744073709552640"), Some(Permissions::VIEW_CHANNEL));
    assert_eq!(parse_permissions("-1"), None);
    assert_eq!(parse_permissions(""), None);
}

#[test]
fn there_are_fifty_two_bits() {
    assert_eq!(Permissions::all().bits().count_ones(), 52);
}

#[test]
fn owners_and_administrators_have_every_right() {
    assert_eq!(compute_base(true, Permissions::empty(), []), Permissions::all());
    assert_eq!(compute_base(false, Permissions::empty(), [Permissions::ADMINISTRATOR]), Permissions::all());
    let deny = [Overwrite::member(USER, Permissions::empty(), Permissions::all())];
    assert_eq!(compute_channel(Permissions::all(), GUILD, &[], USER, &deny), Permissions::all());
}

#[test]
fn the_members_own_overwrite_comes_last() {
    let overwrites = [
        Overwrite::member(USER, Permissions::SEND_MESSAGES, Permissions::empty()),
        Overwrite::role(role(5), Permissions::empty(), Permissions::SEND_MESSAGES),
        Overwrite::role(GUILD.cast(), Permissions::ADD_REACTIONS, Permissions::SEND_MESSAGES),
    ];
    let got = compute_channel(Permissions::VIEW_CHANNEL, GUILD, &[role(5)], USER, &overwrites);
    assert_eq!(got, Permissions::VIEW_CHANNEL | Permissions::SEND_MESSAGES | Permissions::ADD_REACTIONS);
}

#[test]
fn an_allow_of_one_role_beats_the_deny_of_another() {
    let overwrites = [
        Overwrite::role(role(5), Permissions::SEND_MESSAGES, Permissions::empty()),
        Overwrite::role(role(6), Permissions::empty(), Permissions::SEND_MESSAGES),
    ];
    let got = compute_channel(Permissions::empty(), GUILD, &[role(5), role(6)], USER, &overwrites);
    assert_eq!(got, Permissions::SEND_MESSAGES);
}

#[test]
fn overwrites_of_others_do_not_count() {
    let overwrites = [
        Overwrite::role(role(5), Permissions::SEND_MESSAGES, Permissions::empty()),
        Overwrite::member(UserId::new(101), Permissions::SEND_MESSAGES, Permissions::empty()),
        Overwrite::member(GUILD.cast(), Permissions::SEND_MESSAGES, Permissions::empty()),
        Overwrite::role(USER.cast(), Permissions::SEND_MESSAGES, Permissions::empty()),
    ];
    assert_eq!(compute_channel(Permissions::empty(), GUILD, &[], USER, &overwrites), Permissions::empty());
}

#[test]
fn a_timeout_leaves_looking_only() {
    let standing = Standing { timed_out: true, pending: false };
    let most = Permissions::all() - Permissions::ADMINISTRATOR;
    assert_eq!(apply_implied(most, Scope::Text, standing), Permissions::TIMED_OUT);
    assert_eq!(apply_implied(Permissions::all(), Scope::Text, standing), Permissions::all());
}

#[test]
fn pending_members_may_look_but_not_act() {
    let standing = Standing { timed_out: false, pending: true };
    let most = Permissions::all() - Permissions::ADMINISTRATOR;
    let got = apply_implied(most, Scope::Voice, standing);
    assert!(
        got.contains(Permissions::VIEW_CHANNEL | Permissions::READ_MESSAGE_HISTORY)
            || scope_lost_history(got)
    );
    assert!(!got.intersects(Permissions::SEND_MESSAGES | Permissions::ADD_REACTIONS | Permissions::CONNECT));
}

/// A pending member has no CONNECT, and without it voice channels show no history.
fn scope_lost_history(got: Permissions) -> bool {
    got.contains(Permissions::VIEW_CHANNEL)
}

#[test]
fn an_invisible_channel_gives_nothing() {
    let got = apply_implied(Permissions::SEND_MESSAGES, Scope::Text, Standing::default());
    assert_eq!(got, Permissions::empty());
}

#[test]
fn voice_without_connect_cannot_be_used_or_managed() {
    let all = Permissions::VIEW_CHANNEL
        | Permissions::MANAGE_CHANNELS
        | Permissions::SEND_MESSAGES
        | Permissions::CREATE_INSTANT_INVITE;
    let got = apply_implied(all, Scope::Voice, Standing::default());
    assert_eq!(got, Permissions::VIEW_CHANNEL | Permissions::CREATE_INSTANT_INVITE);
    let with = all | Permissions::CONNECT;
    assert_eq!(apply_implied(with, Scope::Voice, Standing::default()), with);
}

#[test]
fn not_writing_takes_files_embeds_and_mentions_along() {
    let all = Permissions::VIEW_CHANNEL | Permissions::NEEDS_SEND | Permissions::ADD_REACTIONS;
    let got = apply_implied(all, Scope::Text, Standing::default());
    assert_eq!(got, Permissions::VIEW_CHANNEL | Permissions::ADD_REACTIONS);
}

#[test]
fn threads_ask_for_the_right_of_threads() {
    let view = Permissions::VIEW_CHANNEL | Permissions::ATTACH_FILES;
    let got = apply_implied(view | Permissions::SEND_MESSAGES, Scope::Thread, Standing::default());
    assert_eq!(got, Permissions::VIEW_CHANNEL);
    let got = apply_implied(view | Permissions::SEND_MESSAGES_IN_THREADS, Scope::Thread, Standing::default());
    assert!(got.contains(Permissions::SEND_MESSAGES | Permissions::ATTACH_FILES));
}

#[test]
fn older_bots_get_the_rights_that_were_split_off() {
    let got = Permissions::MANAGE_MESSAGES.with_split_off();
    assert!(got.contains(Permissions::PIN_MESSAGES | Permissions::BYPASS_SLOWMODE));
    assert_eq!(Permissions::SEND_MESSAGES.with_split_off(), Permissions::SEND_MESSAGES);
}

#[test]
fn a_lower_id_ranks_higher_at_equal_position() {
    let (old, new) = (RoleRank::new(3, role(10)), RoleRank::new(3, role(20)));
    assert!(old > new);
    assert!(RoleRank::new(4, role(99)) > old);
    let member = MemberRank::of(false, [new]);
    assert!(!member.outranks_role(new));
    assert!(!member.outranks(MemberRank::of(false, [new])));
    assert!(member.outranks(MemberRank::of(false, [])));
    assert!(MemberRank::Owner.outranks(MemberRank::of(false, [old])));
    assert!(!MemberRank::Owner.outranks(MemberRank::Owner));
}

#[test]
fn overwrite_types_are_numbers_and_read_from_strings() {
    let json = r#"{"id":"5","type":"member","allow":"1024","deny":0}"#;
    let got: Overwrite = serde_json::from_str(json).unwrap();
    assert_eq!(got, Overwrite::member(UserId::new(5), Permissions::VIEW_CHANNEL, Permissions::empty()));
    assert_eq!(serde_json::to_string(&got).unwrap(), r#"{"id":"5","type":1,"allow":"1024","deny":"0"}"#);
}

/// The algorithm of the documentation, step by step.
fn naive(base: Permissions, roles: &[RoleId], overwrites: &[Overwrite]) -> Permissions {
    if base.contains(Permissions::ADMINISTRATOR) {
        return Permissions::all();
    }
    let find = |id: u64, kind| overwrites.iter().find(|o| o.id.get() == id && o.kind == kind);
    let mut permissions = base;
    if let Some(everyone) = find(GUILD.get(), OverwriteKind::Role) {
        permissions &= !everyone.deny;
        permissions |= everyone.allow;
    }
    let (mut allow, mut deny) = (Permissions::empty(), Permissions::empty());
    for role in roles {
        if let Some(overwrite) = find(role.get(), OverwriteKind::Role) {
            allow |= overwrite.allow;
            deny |= overwrite.deny;
        }
    }
    permissions &= !deny;
    permissions |= allow;
    if let Some(member) = find(USER.get(), OverwriteKind::Member) {
        permissions &= !member.deny;
        permissions |= member.allow;
    }
    permissions
}

fn permissions() -> impl Strategy<Value = Permissions> {
    any::<u64>().prop_map(|bits| Permissions::from_bits_truncate(bits) - Permissions::ADMINISTRATOR)
}

fn overwrites() -> impl Strategy<Value = Vec<Overwrite>> {
    let targets = vec![
        (GUILD.get(), OverwriteKind::Role),
        (2, OverwriteKind::Role),
        (3, OverwriteKind::Role),
        (4, OverwriteKind::Role),
        (USER.get(), OverwriteKind::Member),
        (101, OverwriteKind::Member),
    ];
    let some = prop::sample::subsequence(targets, 0..=6).prop_shuffle();
    (some, prop::collection::vec((permissions(), permissions()), 6)).prop_map(|(targets, sets)| {
        let make = |((id, kind), (allow, deny))| Overwrite { id: OverwriteId::new(id), kind, allow, deny };
        targets.into_iter().zip(sets).map(make).collect()
    })
}

proptest! {
    #[test]
    fn channel_rights_equal_the_documented_algorithm(
        base in permissions(),
        roles in prop::sample::subsequence(vec![2u64, 3, 4], 0..=3),
        overwrites in overwrites(),
    ) {
        let roles: Vec<RoleId> = roles.into_iter().map(RoleId::new).collect();
        let got = compute_channel(base, GUILD, &roles, USER, &overwrites);
        prop_assert_eq!(got, naive(base, &roles, &overwrites));
    }

    #[test]
    fn implied_rules_only_take_away(all in permissions(), timed_out: bool, pending: bool) {
        let standing = Standing { timed_out, pending };
        for scope in [Scope::Text, Scope::Voice] {
            prop_assert!(all.contains(apply_implied(all, scope, standing)));
        }
        let once = apply_implied(all, Scope::Voice, standing);
        prop_assert_eq!(apply_implied(once, Scope::Voice, standing), once);
    }
}
