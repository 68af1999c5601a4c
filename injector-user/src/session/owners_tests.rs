use std::fs;

use super::*;
use crate::{
    output::samples::dependency,
    session::{Request, Who},
    target::testhost::TestHost,
};

fn paths(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|path| (*path).to_owned()).collect()
}

/// One whose readers wait for as long as a slow machine takes.
fn slow(host: &TestHost) -> Arc<Owners> {
    Owners::patient(host.host.clone(), Duration::from_secs(60))
}

fn named(host: &TestHost, name: &str) -> String {
    let id = "4f2a".repeat(16);
    host.file(&format!("var/lib/docker/containers/{id}/config.v2.json"), format!(r#"{{"Name":"/{name}"}}"#));
    let path = format!("/docker/{id}");
    host.cgroup(&path);
    path
}

#[tokio::test]
async fn names_and_programs_of_what_was_asked_for() {
    let host = TestHost::new();
    let web = named(&host, "web");
    for pid in 100..120 {
        host.process(pid, &format!("worker-{pid}"), &web);
    }
    host.process(120, "worker-100", &web);
    host.process(200, "nginx", "/system.slice/nginx.service");
    let owners = slow(&host);
    let asked = paths(&[&web, "/system.slice/nginx.service", "4711"]);
    let docs = owners.of(asked.clone(), true).await;
    assert_eq!(docs.len(), 2, "a cgroup that is gone has no owner: {docs:?}");
    assert_eq!((docs[0].container.as_deref(), docs[0].unit.as_deref()), (Some("web"), None));
    assert_eq!(docs[0].container_id.as_deref(), Some("4f2a".repeat(16).as_str()));
    assert_eq!((docs[0].programs.len(), docs[0].other_processes), (16, 4));
    assert_eq!(docs[0].programs[0], ProgramDoc { name: "worker-100".into(), processes: 2 });
    assert_eq!(docs[1].unit.as_deref(), Some("nginx.service"));
    assert_eq!(docs[1].programs, [ProgramDoc { name: "nginx".into(), processes: 1 }]);
    let docs = owners.of(asked, false).await;
    assert!(docs.iter().all(|doc| doc.programs.is_empty() && doc.other_processes == 0), "{docs:?}");
}

/// As if what was read had been read so long ago, and had taken so long.
fn age(owners: &Owners, ago: Duration, took: Duration) {
    let mut known = lock(&owners.known);
    let at = Instant::now().checked_sub(ago).unwrap();
    if let Some(read) = &mut known.runtimes {
        (read.at, read.took) = (at, took);
    }
    if let Some(read) = &mut known.programs {
        (read.at, read.took) = (at, took);
    }
}

/// However long this test is kept waiting.
fn just_now(owners: &Owners) {
    let mut known = lock(&owners.known);
    let later = Instant::now() + Duration::from_secs(600);
    known.runtimes.iter_mut().for_each(|read| read.at = later);
    known.programs.iter_mut().for_each(|read| read.at = later);
}

const QUICK: Duration = Duration::ZERO;

async fn name(owners: &Arc<Owners>, path: &str) -> Option<String> {
    owners.of(paths(&[path]), false).await.pop().unwrap().container
}

#[tokio::test]
async fn names_are_read_again_only_when_they_may_have_changed() {
    let host = TestHost::new();
    let web = named(&host, "web");
    let owners = slow(&host);
    assert_eq!(name(&owners, &web).await.as_deref(), Some("web"));
    named(&host, "renamed");
    age(&owners, Duration::from_secs(20), QUICK);
    assert_eq!(name(&owners, &web).await.as_deref(), Some("web"), "20 s are not long");
    // A cgroup that nobody has asked for has all read again, in its time.
    just_now(&owners);
    name(&owners, "/late").await;
    assert_eq!(name(&owners, &web).await.as_deref(), Some("web"));
    age(&owners, Duration::from_secs(2), QUICK);
    name(&owners, "/late").await;
    assert_eq!(name(&owners, &web).await.as_deref(), Some("renamed"));
    named(&host, "again");
    age(&owners, Duration::from_secs(2), QUICK);
    name(&owners, "/late").await;
    assert_eq!(name(&owners, &web).await.as_deref(), Some("renamed"), "it is known now");
    // What took long is not read all the time.
    age(&owners, NAMES * 2, NAMES);
    assert_eq!(name(&owners, &web).await.as_deref(), Some("renamed"));
    age(&owners, NAMES * 2, QUICK);
    assert_eq!(name(&owners, &web).await.as_deref(), Some("again"));
    age(&owners, LONGEST * 2, LONGEST);
    named(&host, "at last");
    assert_eq!(name(&owners, &web).await.as_deref(), Some("at last"), "a disk that hung once is read again");
    // What can't be read is as it was.
    fs::rename(&host.host.cgroup, host.host.cgroup.with_extension("away")).unwrap();
    age(&owners, NAMES * 2, QUICK);
    assert_eq!(name(&owners, &web).await.as_deref(), Some("at last"));
}

#[tokio::test]
async fn cgroups_that_nobody_asks_for_are_forgotten_whoever_else_asks() {
    let host = TestHost::new();
    let owners = slow(&host);
    for n in 0..9 {
        // There is a new one at every look, so that all is read again and again.
        age(&owners, SOON * 2, QUICK);
        lock(&owners.known).asked_since = Instant::now().checked_sub(NAMES / 4 * (n % 5));
        name(&owners, &format!("/run-{n}")).await;
    }
    let known = lock(&owners.known).asked.len();
    assert!((1..=5).contains(&known), "{known}");
}

#[tokio::test]
async fn processes_are_read_once_for_all_and_not_all_of_them() {
    let host = TestHost::new();
    let each = MOST_EACH as u64;
    let names: Vec<String> = (0..MOST_PROCESSES / MOST_EACH + 2).map(|n| format!("/a{n:02}")).collect();
    for pid in 1_000..1_000 + MOST_EACH as u32 + 5 {
        for (n, path) in (0..).zip(&names) {
            host.process(pid + 1_000 * n, "many", path);
        }
    }
    host.process(2, "one", "/b");
    let owners = slow(&host);
    let count = async |all: &[&str]| -> Vec<(u64, u64)> {
        let sum = |doc: &OwnerDoc| doc.programs.iter().map(|one| one.processes).sum::<u64>();
        owners.of(paths(all), true).await.iter().map(|doc| (sum(doc), doc.other_processes)).collect()
    };
    assert_eq!(count(&["/a00", "/b"]).await, [(each, 5), (1, 0)], "one cgroup leaves room for others");
    just_now(&owners);
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let some = count(&all).await;
    assert_eq!(some.iter().map(|(read, _)| read).sum::<u64>(), MOST_PROCESSES as u64 - 1, "of all at a time");
    assert!(
        some.iter().all(|(read, other)| *read > 100 && read + other == each + 5),
        "a part for each: {some:?}"
    );
    age(&owners, Duration::from_secs(2), Duration::from_secs(60));
    fs::write(host.host.cgroup.join("a00/cgroup.procs"), "").unwrap();
    assert_eq!(count(&["/a00"]).await, [(each, 5)], "it is not read again yet");
    age(&owners, Duration::from_secs(2), QUICK);
    assert_eq!(count(&["/a00", "/b"]).await, [(0, 0), (1, 0)]);
}

/// A disk that hangs can't be made here; whoever has the turn is as slow.
#[tokio::test]
async fn flows_do_not_wait_for_names_for_long() {
    let host = TestHost::new();
    let web = named(&host, "web");
    host.process(100, "nginx", &web);
    let owners = Owners::new(host.host.clone());
    let turns = [&owners.names, &owners.programs].map(|reading| reading.turn.clone());
    let mut held = Vec::new();
    for turn in &turns {
        held.push(turn.clone().lock_owned().await);
    }
    let begun = Instant::now();
    let docs = owners.of(paths(&[&web]), true).await;
    assert!(begun.elapsed() >= PATIENCE);
    assert_eq!((docs[0].container.as_deref(), docs[0].programs.len()), (None, 0));
    assert_eq!(docs[0].container_id.as_deref(), Some("4f2a".repeat(16).as_str()), "that is in the path");
    drop(held);
    owners.name(std::slice::from_ref(&web));
    let _held = turns[0].clone().lock_owned().await;
    age(&owners, NAMES * 2, QUICK);
    assert_eq!(name(&owners, &web).await.as_deref(), Some("web"), "as it was");
    *lock(&owners.names.begun) = Instant::now().checked_sub(PATIENCE * 2);
    let begun = Instant::now();
    for _ in 0..100 {
        name(&owners, &web).await;
    }
    assert!(begun.elapsed() < PATIENCE * 50, "who knows that it hangs does not wait: {:?}", begun.elapsed());
}

#[tokio::test]
async fn names_that_hang_hold_no_programs_back_and_old_programs_are_not_told() {
    let host = TestHost::new();
    host.process(100, "nginx", "/web");
    let owners = slow(&host);
    *lock(&owners.names.begun) = Instant::now().checked_sub(Duration::from_secs(120));
    let count = async || owners.of(paths(&["/web"]), true).await[0].programs.len();
    assert_eq!(count().await, 1);
    *lock(&owners.programs.begun) = Instant::now().checked_sub(Duration::from_secs(120));
    age(&owners, STALE / 2, QUICK);
    assert_eq!(count().await, 1, "as it was");
    age(&owners, STALE * 2, QUICK);
    assert_eq!(count().await, 0);
}

#[tokio::test]
async fn a_reading_that_dies_lets_the_next_one_read() {
    let reading = Reading::default();
    reading.run(Duration::from_secs(60), || panic!("as if there were a mistake")).await;
    assert!(lock(&reading.begun).is_none());
    let (tell, told) = std::sync::mpsc::channel();
    reading.run(Duration::from_secs(60), move || tell.send(()).unwrap()).await;
    told.recv().unwrap();
}

#[tokio::test]
async fn nothing_is_read_for_nobody() {
    let host = TestHost::new();
    let owners = slow(&host);
    assert!(owners.of(paths(&["4711"]), true).await.is_empty());
    assert!(lock(&owners.known).runtimes.is_none());
}

#[tokio::test]
async fn a_document_of_flows_has_the_owners_of_its_rows_and_of_what_is_watched() {
    let host = TestHost::new();
    let web = named(&host, "web");
    host.process(100, "nginx", &web);
    host.cgroup("/idle");
    let (sender, requests) = std::sync::mpsc::channel();
    let mut dependency = dependency("10.0.0.5:1", 9);
    web.clone_into(&mut dependency.cgroup);
    std::thread::spawn(move || {
        for request in requests {
            let Request { command: Command::Flows(_, reply), .. } = request else { panic!() };
            let dependencies = vec![dependency.clone()];
            let watched = vec!["/idle".to_owned()];
            _ = reply.send(Ok(FlowsDoc { dependencies, watched, ..FlowsDoc::default() }));
        }
    });
    let handle = Handle::new(sender);
    assert!(handle.flows(Vec::new()).await.unwrap().owners.is_empty(), "nobody tells it");
    let handle = handle.with_owners(slow(&host));
    let said = |doc: FlowsDoc| -> Vec<(String, Option<String>, usize)> {
        doc.owners.into_iter().map(|one| (one.cgroup, one.container, one.programs.len())).collect()
    };
    let name = Some("web".to_owned());
    assert_eq!(
        said(handle.flows(Vec::new()).await.unwrap()),
        [(web.clone(), name.clone(), 1), ("/idle".to_owned(), None, 0)]
    );
    let of_somebody = handle.of(Who::daemon());
    assert_eq!(
        said(of_somebody.flows_by_name().await.unwrap()),
        [(web, name, 0), ("/idle".to_owned(), None, 0)]
    );
}
