//! Who may give which command.

use super::bench::{Bench, DROP, SHADOW, root, spec, with_limits};
use crate::{
    error::Error,
    limits::Identity,
    session::{Command, Who, names::Found},
};

const LIMITS: &str = "mode: armed\nroles:\n  observe: [\"user:60001\"]\n  plan: [\"user:60002\"]\n  \
                      inject: [\"user:60003\"]\n  halt: [\"user:60004\"]\n  admin: [\"user:60005\"]\n";

fn uid(uid: u32) -> Who {
    Who { identity: Identity { uid, gids: vec![uid], login: Some(uid) }, pid: 3 }
}

/// Every command of a client, and what became of it.
fn all(bench: &mut Bench, who: &Who) -> Vec<(&'static str, Option<Error>)> {
    let id = || "no-such-fault".to_owned();
    vec![
        ("status", bench.ask(who, Command::Status).err()),
        ("fault", bench.ask(who, |reply| Command::Fault(id(), reply)).err()),
        ("flows", bench.ask(who, |reply| Command::Flows(vec![], reply)).err()),
        ("doctor", bench.ask(who, Command::Doctor).err()),
        ("limits", bench.ask(who, Command::Limits).err()),
        ("certificate", bench.ask(who, Command::Certificate).err()),
        ("plan", bench.ask(who, |reply| Command::Plan(spec(DROP), Found::new(), reply)).err()),
        ("shadow", bench.ask(who, |reply| Command::Start(spec(SHADOW), Found::new(), reply)).err()),
        ("start", bench.ask(who, |reply| Command::Start(spec(DROP), Found::new(), reply)).err()),
        ("arm", bench.ask(who, |reply| Command::Arm(id(), reply)).err()),
        ("approve", bench.ask(who, |reply| Command::Approve(id(), reply)).err()),
        ("stop", bench.ask(who, |reply| Command::Stop(id(), reply)).err()),
        ("stop --all", bench.ask(who, Command::StopAll).err()),
        ("halt", bench.ask(who, |reply| Command::Halt("test".into(), reply)).err()),
        ("halt --lift", bench.ask(who, Command::Lift).err()),
        ("reload", bench.ask(who, Command::Reload).err()),
    ]
}

#[test]
fn every_role_may_do_exactly_what_it_says() {
    const OBSERVE: [&str; 6] = ["status", "fault", "flows", "doctor", "limits", "certificate"];
    const STOP: [&str; 3] = ["stop", "stop --all", "halt"];
    let observe = [&OBSERVE[..], &STOP].concat();
    let plan = [&observe[..], &["plan"]].concat();
    let inject = [&plan[..], &["shadow", "start", "arm", "approve"]].concat();
    let admin = [&inject[..], &["halt --lift", "reload"]].concat();
    let roles = [
        ("nobody", uid(60_000), vec![]),
        ("observe", uid(60_001), observe),
        ("plan", uid(60_002), plan),
        ("inject", uid(60_003), inject),
        ("halt", uid(60_004), STOP.to_vec()),
        ("admin", uid(60_005), admin.clone()),
        // sudo does not make a person more than he is.
        (
            "halt, sudo",
            Who { identity: Identity { uid: 0, gids: vec![0], login: Some(60_004) }, pid: 3 },
            STOP.to_vec(),
        ),
        ("root", root(), admin),
    ];
    let mut table = String::new();
    for (name, who, may) in &roles {
        let mut bench = with_limits(LIMITS);
        table += &format!("{name:>10}");
        for (command, error) in all(&mut bench, who) {
            let refused = error.as_ref().is_some_and(|error| error.limit.as_deref() == Some("roles"));
            assert_eq!(refused, !may.contains(&command), "{name}, {command}: {error:?}");
            table += &format!("  {command}: {}", if refused { "no" } else { "yes" });
        }
        table.push('\n');
        let expected = 16 - may.len();
        let lines = bench.audit();
        let refused = lines.iter().filter(|line| line["limit"] == "roles").count();
        assert_eq!(refused, expected, "{name}: every refusal is in the audit log");
    }
    println!("{table}");
}

#[test]
fn the_daemons_own_requests_pass_whatever_the_roles_say() {
    let mut bench = with_limits(LIMITS);
    for (command, error) in all(&mut bench, &Who::daemon()) {
        assert!(
            error.as_ref().is_none_or(|error| error.limit.as_deref() != Some("roles")),
            "{command}: {error:?}"
        );
    }
    bench.ask(&Who::daemon(), Command::Shutdown).unwrap();
}

#[test]
fn without_roles_only_admin_is_kept_from_those_who_can_connect() {
    let mut bench = with_limits("mode: armed\n");
    for (command, error) in all(&mut bench, &uid(60_000)) {
        let refused = error.is_some_and(|error| error.limit.as_deref() == Some("roles"));
        assert_eq!(refused, ["halt --lift", "reload"].contains(&command), "{command}");
    }
}
