//! Every role, every way to be somebody, every right.

use super::*;
use crate::error::Kind;

/// What the roles below give: observe, plan, inject, halt, admin.
type Row = (&'static str, Identity, [bool; 5]);

fn roles() -> Roles {
    let list = |text: &str| vec![text.parse::<Account>().unwrap()];
    Roles {
        observe: list("user:1001"),
        plan: list("user:1002"),
        inject: vec!["user:1003".parse().unwrap(), "group:2003".parse().unwrap()],
        halt: list("user:1004"),
        admin: list("group:2005"),
    }
}

fn who(uid: u32, gids: &[u32], login: Option<u32>) -> Identity {
    Identity { uid, gids: gids.to_vec(), login }
}

/// The group database: 1005 is in group 2005, 1006 in 2003.
fn groups(uid: u32) -> Vec<u32> {
    match uid {
        1005 => vec![2005],
        1006 => vec![100, 2003],
        _ => vec![],
    }
}

#[track_caller]
fn table(rows: &[Row], decide: impl Fn(&Identity, Right) -> Result<(), Error>) {
    for (name, who, expected) in rows {
        let got = Right::ALL.map(|right| decide(who, right).is_ok());
        assert_eq!(got, *expected, "{name}: observe, plan, inject, halt, admin");
    }
}

#[test]
fn with_a_section() {
    const ALL: [bool; 5] = [true; 5];
    const INJECT: [bool; 5] = [true, true, true, true, false];
    const NONE: [bool; 5] = [false; 5];
    let rows: [Row; 16] = [
        ("observe", who(1001, &[], Some(1001)), [true, false, false, true, false]),
        ("plan", who(1002, &[], Some(1002)), [true, true, false, true, false]),
        ("inject", who(1003, &[], Some(1003)), INJECT),
        ("halt", who(1004, &[], Some(1004)), [false, false, false, true, false]),
        ("admin by group", who(1005, &[2005], Some(1005)), ALL),
        ("inject by group", who(1006, &[100, 2003], None), INJECT),
        ("nobody in the lists", who(1007, &[100], Some(1007)), NONE),
        ("a group's number is not a user's", who(2003, &[], None), NONE),
        ("a user's number is not a group's", who(1007, &[1003], None), NONE),
        ("root, a service", who(0, &[0], None), ALL),
        ("root at the console", who(0, &[0], Some(0)), ALL),
        ("sudo of observe", who(0, &[0], Some(1001)), [true, false, false, true, false]),
        ("sudo of admin by the database", who(0, &[0], Some(1005)), ALL),
        ("sudo of inject by the database", who(0, &[0], Some(1006)), INJECT),
        ("sudo of nobody, with root's groups", who(0, &[0, 2003, 2005], Some(1007)), NONE),
        ("su to another does not give the login's", who(1007, &[], Some(1003)), NONE),
    ];
    table(&rows, |who, right| roles().decide(who, right, groups));
}

#[test]
fn without_a_section() {
    let limits = crate::limits::Limits::default();
    let rows: [Row; 3] = [
        ("root", who(0, &[0], None), [true; 5]),
        ("sudo", who(0, &[0], Some(1007)), [true; 5]),
        ("who could connect", who(1007, &[100], Some(1007)), [true, true, true, true, false]),
    ];
    table(&rows, |who, right| limits.allows(who, right));
}

#[test]
fn an_empty_section_leaves_root() {
    let limits = crate::limits::Limits { roles: Some(Roles::default()), ..Default::default() };
    let rows: [Row; 2] =
        [("root", who(0, &[], None), [true; 5]), ("another", who(1007, &[], Some(1007)), [false; 5])];
    table(&rows, |who, right| limits.allows(who, right));
}

#[test]
fn a_refusal_names_right_person_and_role() {
    let error = roles().allows(&who(1002, &[], Some(1002)), Right::Inject).unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    assert_eq!(error.message, "uid 1002 (login uid 1002) has no right to inject");
    assert_eq!(error.limit.as_deref(), Some("roles"));
    assert_eq!(error.asked.as_deref(), Some("inject by uid 1002 (login uid 1002)"));
    assert_eq!(error.allowed.as_deref(), Some("roles.inject or roles.admin"));
    let error = roles().allows(&who(1007, &[], None), Right::Halt).unwrap_err();
    assert!(error.message.contains("login uid unset"), "{error}");
}

#[test]
fn names_are_looked_up_once() {
    let root: Account = "user:root".parse().unwrap();
    assert_eq!((root.uid(), root.to_string().as_str()), (Some(0), "user:root"));
    assert_eq!("group:0".parse::<Account>().unwrap().uid(), None);
    assert!(groups_of(0).contains(&0), "of the system's own database");
    assert!(groups_of(4_000_000_000).is_empty());
    for (text, word) in [
        ("user:no-such-user-here", "this system has no user"),
        ("group:no-such-group-here", "this system has no group"),
        ("user:", "this system has no user"),
        ("user:4294967295", "this system has no user"),
        ("user:-1", "this system has no user"),
        ("alice", "not an account"),
        ("role:alice", "not an account"),
    ] {
        let error = text.parse::<Account>().unwrap_err();
        assert!(error.message.contains(word) && error.hint.is_some(), "{text}: {error}");
    }
}
