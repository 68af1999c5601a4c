//! Interfaces and namespaces that come after a fault was armed.

use super::bench::{Bench, DELAY, DROP, bench};
use crate::{
    api::types::EndKind,
    plan::{Site, Step},
    session::journal,
};

fn site(netns: u64, links: &[(u32, &str)]) -> Site {
    Site { netns, links: links.iter().map(|(index, link)| (*index, (*link).to_owned())).collect() }
}

/// The target's interfaces are these from now on.
fn come(bench: &mut Bench, sites: Vec<Site>) {
    bench.fake.with(|state| state.sites = sites);
    bench.forget();
    bench.engine.rescan();
}

fn applied(bench: &Bench) -> Vec<String> {
    let calls = bench.calls().into_iter().filter(|call| call.starts_with("apply"));
    calls.map(|call| call.replace("apply ", "")).collect()
}

fn here() -> (u32, &'static str) {
    (2, "eth0")
}

fn stop(bench: &mut Bench) {
    bench.engine.end_where(|_| true, EndKind::Stopped, "test");
    bench.engine.drain();
    std::thread::sleep(std::time::Duration::from_millis(150));
    bench.engine.drain();
}

#[test]
fn an_interface_that_comes_later_is_faulted_and_let_go_at_the_end() {
    let mut bench = bench();
    let id = bench.start(DROP).unwrap().id;
    bench.forget();
    bench.engine.rescan();
    assert!(bench.calls().is_empty(), "nothing has changed");
    come(&mut bench, vec![site(1, &[(1, "lo"), here(), (3, "eth1")])]);
    let later = Step::Egress { netns: 1, index: 3, link: "eth1".into() };
    assert_eq!(applied(&bench), [format!("{later:?}")]);
    assert_eq!(bench.engine.find(&id).unwrap().notes, ["attached to what came later: eth1"]);
    let text = std::fs::read(journal::path(bench.dir.path())).unwrap();
    let entries = journal::read::parse(&text).entries;
    let journalled = |entry: &journal::Entry| matches!(entry, journal::Entry::More { id: of, steps, .. } if *of == id && steps.contains(&later));
    assert!(entries.iter().any(journalled), "{entries:?}");
    assert_eq!(journal::left(bench.dir.path()).faults, [id], "it is one fault");
    bench.forget();
    bench.engine.rescan();
    assert!(bench.calls().is_empty(), "once");
    come(&mut bench, vec![site(1, &[(1, "lo"), here(), (3, "renamed")])]);
    assert!(bench.calls().is_empty(), "it is the same interface");
    come(&mut bench, vec![site(1, &[(1, "lo")])]);
    assert!(bench.calls().is_empty(), "what has vanished is fine");
    stop(&mut bench);
    assert!(bench.is_untouched());
}

#[test]
fn a_namespace_that_comes_later_gets_its_device_first() {
    let mut bench = bench();
    bench.start(DELAY).unwrap();
    come(&mut bench, vec![site(1, &[(1, "lo"), here()]), site(9, &[here()])]);
    let steps = bench.fake.with(|state| state.steps.clone());
    let later: Vec<&Step> = steps.iter().filter(|step| step.place().is_some_and(|at| at.0 == 9)).collect();
    assert!(
        matches!(later[..], [Step::Device { .. }, Step::Redirect { .. }, Step::Egress { .. }]),
        "{later:?}"
    );
    stop(&mut bench);
    assert!(bench.is_untouched());
}

#[test]
fn what_cannot_be_attached_is_said_once_and_nothing_hangs_on_it() {
    let mut bench = bench();
    let id = bench.start(DELAY).unwrap().id;
    let there = bench.fake.with(|state| {
        state.fail_at = Some(state.steps.len());
        state.steps.len()
    });
    let sites = vec![site(1, &[(1, "lo"), here()]), site(9, &[here()])];
    come(&mut bench, sites.clone());
    bench.fake.with(|state| state.fail_at = None);
    come(&mut bench, sites);
    assert_eq!(
        bench.fake.with(|state| state.steps.len()),
        there,
        "without its device, no filter and no program"
    );
    let notes = bench.engine.find(&id).unwrap().notes;
    assert!(notes.len() == 1 && notes[0].starts_with("not attached"), "{notes:?}");
}

#[test]
fn a_main_program_that_cannot_be_attached_is_not_tried_again() {
    let mut bench = bench();
    let id = bench.start(DROP).unwrap().id;
    let journal = |bench: &Bench| std::fs::read(journal::path(bench.dir.path())).unwrap();
    bench.fake.with(|state| state.fail_at = Some(state.steps.len()));
    let sites = vec![site(1, &[(1, "lo"), here(), (3, "eth1")])];
    come(&mut bench, sites.clone());
    bench.fake.with(|state| state.fail_at = None);
    let before = journal(&bench);
    come(&mut bench, sites);
    assert!(bench.calls().is_empty(), "{:?}", bench.calls());
    assert_eq!(journal(&bench), before);
    let fault = &bench.engine.faults[0];
    assert_eq!((fault.id.as_str(), fault.unattached.len(), fault.notes.len()), (id.as_str(), 1, 1));
    come(&mut bench, vec![site(1, &[(1, "lo"), here(), (3, "eth1"), (4, "eth2")])]);
    let later = Step::Egress { netns: 1, index: 4, link: "eth2".into() };
    assert_eq!(applied(&bench), [format!("{later:?}")], "another interface is none of that");
}

#[test]
fn what_cannot_be_journalled_or_listed_is_not_attached() {
    let mut bench = bench();
    let id = bench.start(DROP).unwrap().id;
    bench.fake.with(|state| state.failing.insert("sites"));
    bench.engine.rescan();
    bench.engine.rescan();
    assert_eq!(bench.engine.find(&id).unwrap().notes.len(), 1);
    bench.fake.with(|state| state.failing.clear());
    bench.host.process(101, "app", "/elsewhere");
    std::fs::write(bench.host.host.cgroup.join("app/cgroup.procs"), "").unwrap();
    come(&mut bench, vec![site(1, &[(1, "lo"), here(), (3, "eth1")])]);
    assert!(applied(&bench).is_empty(), "without a process nobody knows where the target is");
}

#[test]
fn a_fault_of_one_interface_follows_its_name_and_no_other() {
    let mut bench = bench();
    let id = bench.start(&DROP.replace(r#""for""#, r#""interface":"eth0","for""#)).unwrap().id;
    let index = |bench: &Bench| bench.fake.with(|state| state.rules[&0].means.interface);
    assert_eq!(index(&bench), 2);
    come(&mut bench, vec![site(1, &[here(), (3, "eth1")])]);
    assert!(bench.calls().is_empty());
    come(&mut bench, vec![site(1, &[(5, "eth0"), (3, "eth1")])]);
    assert_eq!(index(&bench), 5);
    let later = Step::Egress { netns: 1, index: 5, link: "eth0".into() };
    assert_eq!(
        bench.calls(),
        [format!("apply {later:?}"), "change_rule 0".into()],
        "attached before it is meant"
    );
    come(&mut bench, vec![site(1, &[(5, "eth0")]), site(9, &[(7, "eth0")])]);
    assert!(bench.calls().is_empty());
    let notes = bench.engine.find(&id).unwrap().notes;
    assert!(notes.last().is_some_and(|note| note.contains("another interface in each")), "{notes:?}");
}
