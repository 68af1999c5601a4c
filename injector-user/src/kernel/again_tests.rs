//! A socket that is connected anew: its flow ends, and begins again under the same number.

use super::*;

/// One socket talks twice, on two connections, the first of which it dissolves itself.
const TALK_TWICE: &str = r#"
import ctypes, socket, sys
W = socket.MSG_WAITALL
srv = socket.create_server(("127.0.0.1", 7001))
cli = socket.socket()
def talk():
    cli.connect(("127.0.0.1", 7001)); con, _ = srv.accept()
    for _ in range(100):
        cli.sendall(b"x" * 100); con.recv(100, W); con.sendall(b"y" * 50); cli.recv(50, W)
    return con
con = talk()
assert ctypes.CDLL(None).connect(cli.fileno(), bytes(16), 16) == 0, "AF_UNSPEC dissolves it"
con.close()
con = talk()
print("ready", flush=True)
sys.stdin.readline()
"#;

#[test]
fn a_socket_that_is_connected_anew_has_a_histogram_of_its_own_again() {
    let Some((cgroup, mut object, mut reader)) =
        observed("a_socket_that_is_connected_anew_has_a_histogram_of_its_own_again")
    else {
        return;
    };
    let mut talker = Talker::start(&cgroup, TALK_TWICE);
    let flows = reader.all().unwrap();
    assert_eq!(flows.len(), 2, "{flows:?}");
    let histograms = object.array::<FlowRtt>(names::FLOW_RTT).unwrap();
    let all: Vec<FlowRtt> = (0..HISTOGRAMS).map(|at| histograms.get(&at, 0).unwrap()).collect();
    for flow in &flows {
        let own = &all[usize::from(flow.histogram) - 1];
        let samples: u64 = own.rtt.iter().map(|n| u64::from(*n)).sum();
        assert_eq!((own.cookie, samples), (flow.cookie, flow.rtt_samples));
        assert!((5..=104).contains(&samples), "of 100 questions: {samples}");
    }
    assert_eq!(all.iter().filter(|rtt| rtt.cookie != 0).count(), 2, "the first ones were given back");
    for local in [false, true] {
        let dep: DepValue = object.hash(names::DEPS).unwrap().get(&key(cgroup.id(), local), 0).unwrap();
        assert_eq!((dep.flows, dep.rtt.iter().map(|n| u64::from(*n)).sum()), (1, dep.rtt_samples));
        assert!((5..=104).contains(&dep.rtt_samples), "of 100 questions: {}", dep.rtt_samples);
    }
    talker.end();
}
