//! Hosts on which something vanishes.

use std::fs;

use super::bench::{Bench, DELAY, DROP, SHADOW, bench, root};
use crate::{api::types::EndKind, error::Kind, session::Command};

fn second(bench: &mut Bench) {
    bench.engine.rescan();
    bench.engine.judge_second();
    bench.engine.look_back();
    bench.tick();
}

#[test]
fn without_cgroupfs_faults_end_and_requests_are_a_clear_error() {
    let mut bench = bench();
    let app = bench.host.cgroup("/app");
    let zero = crate::observe::ZERO;
    bench.fake.with(|state| state.traffic.insert(app, zero));
    for json in [DROP, SHADOW, DELAY] {
        bench.start(json).unwrap();
    }
    fs::remove_dir_all(&bench.host.host.cgroup).unwrap();
    second(&mut bench);
    assert!(bench.engine.faults.iter().all(|fault| !fault.lives()));
    std::thread::sleep(std::time::Duration::from_millis(150));
    second(&mut bench);
    assert_eq!(bench.engine.ended.len(), 3);
    for doc in &bench.engine.ended {
        assert_eq!(doc.end, Some(EndKind::TargetLost));
    }
    assert!(bench.is_untouched());
    let error = bench.start(DROP).unwrap_err();
    assert_eq!(error.kind, Kind::Failed);
    assert!(error.message.contains("cgroup"), "{error}");
    assert!(bench.plan(DROP).is_err());
    bench.ask(&root(), Command::Status).unwrap();
    bench.ask(&root(), |reply| Command::Flows(vec![], reply)).unwrap();
    bench.ask(&root(), |reply| Command::Halt("test".into(), reply)).unwrap();
    assert!(
        bench.fake.with(|state| state.traffic.contains_key(&app)),
        "what cannot be read is not forgotten"
    );
}

/// Without /proc the protections cannot be told.
#[test]
fn without_proc_nothing_is_armed() {
    let mut bench = bench();
    fs::remove_dir_all(&bench.host.host.proc).unwrap();
    let error = bench.start(DROP).unwrap_err();
    assert_eq!(error.kind, Kind::Failed, "{error}");
    assert!(bench.is_untouched());
    second(&mut bench);
}

/// A container's gateway is protected before its first packet, not at the next look.
#[test]
fn the_gateways_of_every_namespace_are_protected_at_once() {
    let mut bench = bench();
    let gateway = |pid: u32, last: &str| {
        let directory = bench.host.host.proc.join(format!("{pid}/net"));
        fs::create_dir_all(&directory).unwrap();
        let line = format!("eth0\t00000000\t{last}0200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
        fs::write(directory.join("route"), line).unwrap();
    };
    bench.host.process(101, "app", "/app");
    gateway(100, "07");
    gateway(101, "08");
    let to = |peer: &str| DROP.replace(r#""for""#, &format!(r#""peer":"{peer}","for""#));
    for peer in ["192.0.2.7", "192.0.2.8"] {
        let error = bench.start(&to(peer)).unwrap_err();
        assert_eq!(error.limit.as_deref(), Some("protect"), "{error}");
    }
    bench.start(&to("192.0.2.9")).unwrap();
    let known = bench.fake.with(|state| state.protection.addresses.clone());
    for address in ["192.0.2.1/32", "192.0.2.7/32", "192.0.2.8/32"] {
        assert!(known.contains_key(&address.parse().unwrap()), "{address} of {known:?}");
    }
}
