//! All TCP connections between a cgroup and one service: how full their buffers are, and what they waited for.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    time::Duration,
};

use super::listener::Listeners;
use crate::{
    api::types::{GaugeDoc, PlaceDoc, PlaceKind, Unit},
    kernel::net::{Memory, TcpInfo, TcpSocket},
};

/// What a connection waited for since it began, microseconds: busy, peer's window, own buffer. By cookie.
pub(super) type Waits = HashMap<u64, [u64; 3]>;

/// What is added up of the connections.
#[derive(Debug, Default)]
pub(super) struct Sum {
    /// Open ones.
    pub(super) open: u64,
    /// Those in which something went either way in the last second, or that wait for an answer or an acknowledgement.
    pub(super) in_use: u64,
    receive: Option<GaugeDoc>,
    send: Option<GaugeDoc>,
    /// Windows of 0: ours, the peers'. None: the kernel does not say.
    zero: [Option<u64>; 2],
    /// Connections that were there at the reading before.
    again: u64,
    waited: [u64; 3],
}

/// By cgroup id and service.
#[derive(Debug, Default)]
pub(super) struct Sums {
    all: BTreeMap<(u64, String), Sum>,
    /// What the next reading is compared with.
    pub(super) waits: Waits,
}

impl Sums {
    /// An open connection; `before` is what each had waited for at the reading before.
    pub(super) fn add(&mut self, socket: &TcpSocket, listeners: &Listeners, before: Option<&Waits>) {
        let (Some(cgroup), Some(info), Some(memory)) = (socket.cgroup, socket.info, socket.memory) else {
            return;
        };
        let service = match listeners.of(socket.local) {
            Some(_) => format!("*:{}", socket.local.port()),
            None => service(socket.remote),
        };
        let sum = self.all.entry((cgroup, service)).or_default();
        sum.add(socket, info, memory);
        let waits = [info.busy_us, info.window_limited_us, info.buffer_limited_us];
        if let Some(before) = before.and_then(|before| before.get(&socket.cookie)) {
            sum.again += 1;
            for (sum, (now, before)) in sum.waited.iter_mut().zip(waits.into_iter().zip(before)) {
                *sum += now.saturating_sub(*before);
            }
        }
        self.waits.insert(socket.cookie, waits);
    }

    /// Those of known cgroups, with the time since the reading before.
    pub(super) fn places<'a>(
        &self,
        netns: u64,
        since: Option<Duration>,
        name: impl Fn(u64) -> Option<&'a str>,
    ) -> Vec<(PlaceDoc, u64, u64)> {
        let of = |((cgroup, service), sum): (&(u64, String), &Sum)| {
            let mut place = PlaceDoc::new(PlaceKind::Dependency, service.clone());
            place.cgroup = Some(name(*cgroup)?.to_owned());
            place.netns = Some(netns);
            sum.fill(&mut place, since);
            Some((place, sum.open, sum.in_use))
        };
        self.all.iter().filter_map(of).collect()
    }
}

fn service(remote: SocketAddr) -> String {
    remote.to_string()
}

/// In a second something went either way, or an answer or acknowledgement is waited for.
fn in_use(socket: &TcpSocket, info: TcpInfo) -> bool {
    let ago = info.sent_ago_ms.min(info.received_ago_ms);
    ago < 1000 || info.sent_ago_ms < info.received_ago_ms || socket.send_queue > 0 || socket.receive_queue > 0
}

impl Sum {
    fn add(&mut self, socket: &TcpSocket, info: TcpInfo, memory: Memory) {
        self.in_use += u64::from(in_use(socket, info));
        let buffer = |what, used: u32, limit: u32| {
            GaugeDoc::new(what, u64::from(used), Some(u64::from(limit)), Unit::Bytes)
                .of(socket.local.to_string())
        };
        fuller(&mut self.receive, buffer("receive_buffer", memory.receive, memory.receive_limit));
        fuller(&mut self.send, buffer("send_buffer", memory.send, memory.send_limit));
        let windows = [info.receive_window, info.send_window];
        for (zero, window) in self.zero.iter_mut().zip(windows) {
            let n = window.map(|window| u64::from(window == 0));
            *zero = if self.open == 0 { n } else { zero.zip(n).map(|(a, b)| a + b) };
        }
        self.open += 1;
    }

    fn fill(&self, place: &mut PlaceDoc, since: Option<Duration>) {
        place.gauge("connections", self.open, None, Unit::Count);
        place.gauges.extend(self.receive.iter().chain(&self.send).cloned());
        for (what, zero) in ["zero_window_own", "zero_window_peer"].into_iter().zip(self.zero) {
            match zero {
                Some(n) => place.gauge(what, n, Some(self.open), Unit::Count),
                None => place.lacks(what, "this kernel does not tell the window (the own one: Linux 6.2)"),
            }
        }
        let Some(since) = since.filter(|_| self.again > 0) else { return };
        let whole = u64::try_from(since.as_micros()).unwrap_or(u64::MAX).saturating_mul(self.again);
        let [busy, window, buffer] = self.waited;
        // The kernel's ticks are coarser than the interval: a share is at most all of it.
        let share = |what, us: u64| GaugeDoc::new(what, us.min(whole), Some(whole), Unit::Micros);
        place.gauges.extend([
            share("limited_by_network", busy.saturating_sub(window).saturating_sub(buffer)),
            share("limited_by_peer_window", window),
            share("limited_by_send_buffer", buffer),
        ]);
    }
}

fn fuller(most: &mut Option<GaugeDoc>, other: GaugeDoc) {
    let percent = |gauge: &GaugeDoc| gauge.percent.unwrap_or(0.0);
    if most.as_ref().is_none_or(|most| percent(&other) > percent(most)) {
        *most = Some(other);
    }
}
