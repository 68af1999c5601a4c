//! Made-up raw numbers for the tests of this room.

use std::time::{Duration, SystemTime};

use injector_ebpf::{
    flow::{DepKey, DepValue, Flow, FlowStats},
    hist::{BUCKETS, bucket},
    rtt::{Aggregate, FlowRtt},
    rule::GateStats,
};

use super::{RawKinds, Snapshot, ZERO};

/// 127.0.0.1 with another last byte, as the kernel writes it.
pub fn v4(last: u8) -> [u32; 4] {
    [0, 0, 0xffff_u32.to_be(), u32::from_be_bytes([10, 0, 0, last]).to_be()]
}

/// `samples` round trips of `us` microseconds.
pub fn aggregate(us: u32, samples: u64, segments: u64, retransmits: u64) -> Aggregate {
    let mut out = Aggregate { samples, segments, retransmits, ..ZERO };
    out.rtt[bucket(us)] = samples;
    out
}

/// A TCP flow from 10.0.0.1 to 10.0.0.`peer`, `n` segments of 100 bytes each way, one RTT sample of 100 us each.
pub fn flow(cgroup: u64, local_port: u16, peer: u8, remote_port: u16, n: u32) -> Flow {
    // SAFETY: plain data, all zero is a value.
    let mut flow: Flow = unsafe { std::mem::zeroed() };
    (flow.cgroup, flow.cookie, flow.protocol) = (cgroup, u64::from(local_port), 6);
    (flow.local, flow.local_port, flow.remote, flow.remote_port) = (v4(1), local_port, v4(peer), remote_port);
    (flow.counts.tx_packets, flow.counts.tx_bytes) = (n.into(), u64::from(n) * 100);
    (flow.counts.rx_packets, flow.counts.rx_bytes) = (n.into(), u64::from(n) * 100);
    flow.rtt_samples = n.into();
    flow
}

/// The histogram of such a flow.
pub fn histogram(flow: &Flow) -> FlowRtt {
    let mut rtt = [0; BUCKETS];
    rtt[bucket(100)] = flow.rtt_samples as u32;
    FlowRtt { cookie: flow.cookie, rtt }
}

/// A dependency of ended flows, `n` segments out, one RTT sample of 100 us each.
pub fn ended(cgroup: u64, peer: u8, port: u16, n: u32) -> (DepKey, DepValue) {
    // SAFETY: plain data, all zero is a value.
    let mut value: DepValue = unsafe { std::mem::zeroed() };
    (value.flows, value.tx_packets, value.tx_segments) = (1, n.into(), n.into());
    value.tx_bytes = u64::from(n) * 100;
    (value.rtt_samples, value.rtt[bucket(100)]) = (n.into(), n);
    (DepKey { cgroup, remote: v4(peer), port, local: 0, protocol: 6 }, value)
}

/// A snapshot of these flows and ended ones at 1970-01-01T00:00:00Z.
pub fn snapshot(flows: Vec<Flow>, deps: Vec<(DepKey, DepValue)>) -> Snapshot {
    let histograms = flows.iter().map(|flow| (flow.cookie, histogram(flow))).collect();
    Snapshot {
        at: SystemTime::UNIX_EPOCH,
        epoch: Some(SystemTime::UNIX_EPOCH),
        tick: Duration::from_millis(4),
        watched: Vec::new(),
        flows,
        histograms,
        rest: Vec::new(),
        deps,
        listeners: Vec::new(),
        stats: FlowStats::default(),
        gate: GateStats::default(),
        kinds: RawKinds::default(),
    }
}
