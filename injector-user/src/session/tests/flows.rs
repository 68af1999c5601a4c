//! How many sockets a fault finds.

use super::bench::{Bench, DROP, bench, with_limits};
use crate::kernel::net::{Proto, SockInfo};

pub fn socket(proto: Proto, remote: &str, cgroup: u64) -> SockInfo {
    let local = "10.0.0.9:40000".parse().unwrap();
    let remote = remote.parse().unwrap();
    SockInfo { proto, state: 1, local, remote, cgroup_id: Some(cgroup), inode: 77 }
}

fn flows(bench: &mut Bench, json: &str) -> Option<u64> {
    bench.plan(json).unwrap().flows
}

fn full(bench: &Bench) {
    let app = bench.host.cgroup("/app");
    bench.fake.with(|state| {
        state.sockets = vec![
            socket(Proto::Tcp, "10.0.0.1:5432", app),
            socket(Proto::Udp, "10.0.0.1:5432", app),
            socket(Proto::Tcp, "10.0.0.2:5432", app),
            socket(Proto::Tcp, "10.0.0.2:80", app),
            socket(Proto::Tcp, "10.0.0.1:5432", app + 1000),
        ];
    });
}

#[test]
fn sockets_are_counted_as_the_kernel_means_them() {
    let mut bench = bench();
    full(&bench);
    bench.names = [("db.internal".to_owned(), vec![[10, 0, 0, 1].into()])].into();
    for (keys, n) in [
        (r#""direction":"egress""#, 4),
        (r#""peer":"10.0.0.1:5432""#, 2),
        (r#""peer":"db.internal:5432""#, 2),
        (r#""except":"db.internal""#, 2),
        (r#""protocol":"tcp""#, 3),
        (r#""peer":"10.0.0.1","protocol":"udp""#, 1),
        (r#""connections":"established""#, 3),
    ] {
        assert_eq!(
            flows(&mut bench, &DROP.replace(r#""for""#, &format!(r#"{keys},"for""#))),
            Some(n),
            "{keys}"
        );
    }
}

#[test]
fn open_connections_are_no_count_of_what_begins_or_of_questions() {
    let mut bench = with_limits("mode: armed\nmax_percent: 100\n");
    full(&bench);
    for fault in [
        r#""kind":"blackhole""#,
        r#""kind":"refuse","above":100"#,
        r#""kind":"drop","percent":5,"connections":"new""#,
        r#""kind":"dns","names":"*","answer":"lost","percent":5"#,
        r#""kind":"fail","syscall":"open","errno":"EIO","percent":5"#,
    ] {
        let json = format!(r#"{{{fault},"targets":["cgroup:/app"],"for":"30s"}}"#);
        assert_eq!(flows(&mut bench, &json), None, "{fault}");
    }
    assert_eq!(bench.start(DROP).unwrap().flows, Some(4));
}
