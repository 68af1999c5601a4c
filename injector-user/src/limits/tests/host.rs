//! The state of the host: how it is read, and what it decides.

use crate::limits::file::parse;
use crate::limits::{HostFacts, HostLimits, Limits, host_verdict};
use std::fs;
use std::path::Path;

fn tree() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("proc/pressure")).unwrap();
    fs::create_dir_all(root.path().join("var")).unwrap();
    for (path, text) in [
        ("loadavg", "3.00 0.41 0.30 1/345 6789\n"),
        ("stat", "cpu  1 2 3\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5\n"),
        ("meminfo", "MemTotal:       1000 kB\nMemFree:        10 kB\nMemAvailable:    250 kB\n"),
        ("pressure/cpu", "some avg10=12.50 avg60=0.00 avg300=0.00 total=1\n"),
        ("pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 total=1\n"),
        ("pressure/io", "some avg10=99.00 avg60=0.00 avg300=0.00 total=1\n"),
    ] {
        fs::write(root.path().join("proc").join(path), text).unwrap();
    }
    root
}

fn limits(text: &str) -> Limits {
    parse(&format!("host: {{{text}}}\n")).unwrap()
}

#[test]
fn is_read_below_a_root() {
    let root = tree();
    let none = HostLimits::default();
    let facts = HostFacts::read(root.path(), &none, Path::new("/var"));
    assert_eq!(facts.load_per_cpu, Some(1.5));
    assert_eq!(facts.free_memory, Some(25.0));
    assert_eq!(
        (facts.cpu_pressure, facts.memory_pressure, facts.io_pressure),
        (Some(12.5), Some(0.0), Some(99.0))
    );
    assert!(facts.free_disk.is_empty(), "nobody asks for it");
    let asked = HostLimits { min_free_disk: Some("1".parse().unwrap()), ..none };
    let facts = HostFacts::read(root.path(), &asked, Path::new("/var"));
    assert!(matches!(facts.free_disk[Path::new("/var")], Some(free) if (0.0..=100.0).contains(&free)));
    let asked = HostLimits { disks: vec!["/nowhere".into()], ..asked };
    let facts = HostFacts::read(root.path(), &asked, Path::new("/var"));
    assert_eq!(facts.free_disk[Path::new("/nowhere")], None);
    assert_eq!(facts.free_disk.len(), 1, "the state directory's only if nothing else is asked for");
}

#[test]
fn what_cannot_be_read_is_unknown() {
    let root = tempfile::tempdir().unwrap();
    let facts = HostFacts::read(root.path(), &HostLimits::default(), Path::new("/"));
    assert_eq!(facts, HostFacts::default());
    fs::create_dir(root.path().join("proc")).unwrap();
    for (path, text) in [("loadavg", "x"), ("stat", ""), ("meminfo", "MemTotal: 0 kB\nMemAvailable: 0 kB\n")]
    {
        fs::write(root.path().join("proc").join(path), text).unwrap();
    }
    assert_eq!(HostFacts::read(root.path(), &HostLimits::default(), Path::new("/")), HostFacts::default());
}

#[test]
fn each_condition_decides() {
    let facts = HostFacts {
        load_per_cpu: Some(1.5),
        cpu_pressure: Some(12.5),
        memory_pressure: Some(20.0),
        io_pressure: Some(99.0),
        free_memory: Some(25.0),
        free_disk: [("/".into(), Some(8.0)), ("/var".into(), Some(4.0))].into(),
    };
    for (text, refused) in [
        ("max_load_per_cpu: 1.5", false),
        ("max_load_per_cpu: 1.4", true),
        ("max_cpu_pressure: 12.5", false),
        ("max_cpu_pressure: 12.4", true),
        ("max_memory_pressure: 20", false),
        ("max_memory_pressure: 19", true),
        ("max_io_pressure: 99", false),
        ("max_io_pressure: 98", true),
        ("min_free_memory: 25", false),
        ("min_free_memory: 26", true),
        ("min_free_disk: 4", false),
        ("min_free_disk: 5", true),
    ] {
        let limits = limits(text);
        let key = format!("host.{}", text.split(':').next().unwrap());
        match host_verdict(&limits, &facts) {
            Ok(consulted) => {
                assert!(!refused, "{text}");
                assert!(consulted.iter().all(|one| one.limit == key), "{text}: {consulted:?}");
                assert!(!consulted.is_empty());
            }
            Err(error) => {
                assert!(refused, "{text}: {error}");
                assert_eq!(error.limit.as_deref(), Some(key.as_str()));
                assert!(error.asked.is_some() && error.allowed.is_some() && error.hint.is_some());
            }
        }
        let unknown = host_verdict(&limits, &HostFacts::default()).unwrap_err();
        assert_eq!(unknown.limit.as_deref(), Some(key.as_str()), "{text}: fails closed");
        assert_eq!(unknown.asked.as_deref(), Some("not known"));
    }
    assert_eq!(host_verdict(&Limits::default(), &HostFacts::default()), Ok(vec![]));
}
