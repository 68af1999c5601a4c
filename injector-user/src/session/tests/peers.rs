//! Dependencies with the names that the configuration and faults have for peers.

use std::net::IpAddr;

use super::{
    bench::{Bench, bench, root},
    names::looked_up_again,
};
use crate::{observe::ended_flows, session::Command};

/// As [`looked_up_again`], of those that the configuration has: `db.internal`.
fn configured(bench: &mut Bench, look_up: fn(&str) -> Result<Vec<IpAddr>, String>) {
    bench.engine.peer_names.look_up_by(look_up);
    bench.engine.watch_names();
    while bench.engine.peer_names.is_asking() {
        bench.engine.watch_names();
        std::thread::yield_now();
    }
}

/// The services of /app with their names: `5 db.internal`.
fn services(bench: &mut Bench) -> Vec<String> {
    let cgroup = bench.host.cgroup("/app");
    bench
        .fake
        .with(|state| state.deps = vec![ended_flows(cgroup, 5, 5432, 20), ended_flows(cgroup, 6, 80, 10)]);
    let targets = vec!["cgroup:/app".parse().unwrap()];
    let doc = bench.ask(&root(), |reply| Command::Flows(targets, reply)).unwrap();
    doc.dependencies.into_iter().map(|one| [vec![one.service], one.names].concat().join(" ")).collect()
}

#[test]
fn peers_have_the_names_of_the_configuration_and_of_live_faults() {
    let mut bench = bench();
    assert_eq!(services(&mut bench), ["10.0.0.5:5432", "10.0.0.6:80"]);
    configured(&mut bench, |name| {
        assert_eq!(name, "db.internal");
        Ok(vec![[10, 0, 0, 5].into(), [10, 0, 0, 7].into()])
    });
    assert_eq!(services(&mut bench), ["10.0.0.5:5432 db.internal", "10.0.0.6:80"]);
    bench.names = [("api.internal".to_owned(), vec![[10, 0, 0, 6].into(), [10, 0, 0, 5].into()])].into();
    let fault = r#"{"kind":"drop","percent":5,"targets":["cgroup:/app"],"peer":"api.internal","for":"30s"}"#;
    let id = bench.start(fault).unwrap().id;
    let named = ["10.0.0.5:5432 api.internal db.internal", "10.0.0.6:80 api.internal"];
    assert_eq!(services(&mut bench), named);
    bench.ask(&root(), |reply| Command::Stop(id, reply)).unwrap();
    assert_eq!(services(&mut bench), ["10.0.0.5:5432 db.internal", "10.0.0.6:80"]);
}

#[test]
fn a_peers_name_moves_with_its_address_and_stays_when_nobody_answers() {
    let mut bench = bench();
    configured(&mut bench, |_| Ok(vec![[10, 0, 0, 5].into()]));
    configured(&mut bench, |_| Err("no such name".into()));
    assert_eq!(services(&mut bench), ["10.0.0.5:5432 db.internal", "10.0.0.6:80"]);
    configured(&mut bench, |_| Ok(vec![[10, 0, 0, 6].into()]));
    assert_eq!(services(&mut bench), ["10.0.0.5:5432", "10.0.0.6:80 db.internal"]);
}

/// Held: the resolver of the configured names hangs.
static HANGS: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn faults_do_not_wait_for_names_that_are_only_shown() {
    let hangs = HANGS.lock().unwrap();
    let mut bench = bench();
    bench.engine.peer_names.look_up_by(|_| {
        let _until = HANGS.lock().unwrap();
        Err("late".into())
    });
    bench.names = [("api.internal".to_owned(), vec![[10, 0, 0, 6].into()])].into();
    let fault = r#"{"kind":"drop","percent":5,"targets":["cgroup:/app"],"peer":"api.internal","for":"30s"}"#;
    let id = bench.start(fault).unwrap().id;
    bench.engine.watch_names();
    assert!(bench.engine.peer_names.is_asking());
    looked_up_again(&mut bench, |_| Ok(vec![[10, 0, 0, 7].into()]));
    assert!(bench.engine.peer_names.is_asking(), "they have still no answer");
    assert_eq!(bench.engine.find(&id).unwrap().notes, ["api.internal was 10.0.0.6, is 10.0.0.7"]);
    drop(hangs);
}
