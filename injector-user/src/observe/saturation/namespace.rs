//! A network namespace: its ports, its table of connections, what it turned away, and what waits before its interfaces.

use std::time::Duration;

use anyhow::Result;

use super::{
    counters::Table,
    dependency::{Sums, Waits},
    files::{numbers, read},
    listener::Listeners,
    ports::{Ports, Range},
};
use crate::{
    api::types::{GaugeDoc, PlaceDoc, PlaceKind, Unit},
    kernel::net::{Netns, Queue, Rtnl, each_tcp_socket},
    target::Host,
};

/// Counters of TCP, in [`Table`] `TcpExt:`.
const TCP: [(&str, &str); 11] = [
    ("ListenOverflows", "listen_overflows"),
    ("ListenDrops", "listen_drops"),
    ("TCPReqQFullDrop", "syn_queue_drops"),
    ("TCPReqQFullDoCookies", "syn_cookies"),
    ("TCPBacklogDrop", "tcp_backlog_drops"),
    ("TCPRcvQDrop", "tcp_receive_queue_drops"),
    ("TCPZeroWindowDrop", "tcp_zero_window_drops"),
    ("TCPToZeroWindowAdv", "tcp_zero_windows_told"),
    ("PruneCalled", "tcp_prunes"),
    ("TCPAbortOnMemory", "tcp_aborts_on_memory"),
    ("TCPTimeWaitOverflow", "time_wait_overflows"),
];
const UDP: [(&str, &str); 2] =
    [("RcvbufErrors", "udp_receive_buffer_errors"), ("SndbufErrors", "udp_send_buffer_errors")];

/// Interfaces that are told one by one: a host has two for each container.
const MOST_LINKS: usize = 32;

/// A namespace, and what is in it of the cgroups that `name` knows.
pub(super) struct Found {
    /// Namespace and listeners.
    pub(super) places: Vec<PlaceDoc>,
    /// Each dependency with its open connections, and those in use.
    pub(super) dependencies: Vec<(PlaceDoc, u64, u64)>,
    /// For the next reading.
    pub(super) waits: Waits,
}

/// What of it stands in files, for whoever is in it.
pub(super) struct Facts {
    pub(super) place: PlaceDoc,
    pub(super) range: Option<Range>,
}

/// Reads one; `before` is what connections had waited for, and how long ago that was.
pub(super) fn read_one<'a>(
    host: &Host,
    ns: &Netns,
    before: Option<(&Waits, Duration)>,
    name: impl Fn(u64) -> Option<&'a str>,
) -> Result<Found> {
    let Facts { mut place, range } = ns.run(|| Ok(facts(host, ns.inode())))?;
    let (mut listeners, mut sums, mut ports) = (Listeners::default(), Sums::default(), Ports::default());
    let sockets = each_tcp_socket(ns, true, |socket| listeners.add(&socket)).and_then(|()| {
        each_tcp_socket(ns, false, |socket| {
            if socket.is_half_open() {
                listeners.half_open(socket.local);
                return;
            }
            if let Some(range) = range.filter(|_| listeners.of(socket.local).is_none()) {
                ports.add(range, socket.local, socket.remote);
            }
            if socket.is_open() {
                sums.add(&socket, &listeners, before.map(|(waits, _)| waits));
            }
        })
    });
    match sockets {
        Ok(()) => {
            place.gauges.extend(range.into_iter().flat_map(|range| std::mem::take(&mut ports).gauges(range)));
        }
        Err(error) => ["ports", "listeners", "dependencies"]
            .iter()
            .for_each(|what| place.lacks(what, format!("{error:#}"))),
    }
    match Rtnl::open(ns).and_then(|mut rtnl| rtnl.queues()) {
        Ok(queues) => add_queues(&mut place, &queues),
        Err(error) => place.lacks("queue", format!("{error:#}")),
    }
    let mut places = vec![place];
    places.extend(listeners.places(ns.inode(), &name));
    let since = before.map(|(_, since)| since);
    Ok(Found { places, dependencies: sums.places(ns.inode(), since, &name), waits: sums.waits })
}

/// Reads the files of the namespace that the calling thread is in.
pub(super) fn facts(host: &Host, inode: u64) -> Facts {
    let mut place = PlaceDoc::new(PlaceKind::Namespace, format!("net:[{inode}]"));
    place.netns = Some(inode);
    let at = |name: &str| read(&host.proc.join(name));
    let of_ports = at("sys/net/ipv4/ip_local_port_range").and_then(|range| {
        let reserved = at("sys/net/ipv4/ip_local_reserved_ports").unwrap_or_default();
        Range::parse(&range, &reserved).ok_or("ip_local_port_range is not as expected".to_owned())
    });
    let range = of_ports.map_err(|why| place.lacks("ports", why)).ok();
    let limits =
        [("conntrack", "sys/net/netfilter/nf_conntrack_count", "sys/net/netfilter/nf_conntrack_max")];
    for (what, used, most) in limits {
        let number = |name: &str| at(name).map(|text| numbers(&text).first().copied());
        match (number(used), number(most)) {
            (Ok(Some(used)), Ok(Some(most))) => place.gauge(what, used, Some(most), Unit::Count),
            (Err(why), _) | (_, Err(why)) => place.lacks(what, why),
            _ => place.lacks(what, format!("{used} is not as expected")),
        }
    }
    if let Ok(text) = at("thread-self/net/stat/nf_conntrack") {
        conntrack_drops(&text, &mut place);
    }
    match at("thread-self/net/sockstat").as_deref().map(time_wait) {
        Ok(Some(used)) => {
            let most = at("sys/net/ipv4/tcp_max_tw_buckets").ok();
            let most = most.and_then(|text| numbers(&text).first().copied());
            place.gauge("time_wait", used, most, Unit::Count);
        }
        Ok(None) => place.lacks("time_wait", "sockstat is not as expected"),
        Err(why) => place.lacks("time_wait", why.clone()),
    }
    for (file, prefix, names) in [("netstat", "TcpExt:", &TCP[..]), ("snmp", "Udp:", &UDP[..])] {
        let text = at(&format!("thread-self/net/{file}"));
        let table = text.as_deref().ok().and_then(|text| Table::of(text, prefix));
        for (name, what) in names {
            match table.as_ref().map(|table| table.get(name)) {
                Some(Some(total)) => place.overflow(what, None, total),
                Some(None) => place.lacks(what, format!("this kernel has no {name} in {file}")),
                None => place.lacks(what, text.clone().err().unwrap_or(format!("{file} has no {prefix}"))),
            }
        }
    }
    Facts { place, range }
}

/// `TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 291`
fn time_wait(sockstat: &str) -> Option<u64> {
    let line = sockstat.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = line.split_ascii_whitespace().skip_while(|word| *word != "tw");
    words.nth(1)?.parse().ok()
}

/// A line of names, then one of hexadecimal numbers for each CPU.
fn conntrack_drops(text: &str, place: &mut PlaceDoc) {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split_ascii_whitespace().collect();
    let rows: Vec<&str> = lines.collect();
    for (name, what) in [("drop", "conntrack_drops"), ("early_drop", "conntrack_early_drops")] {
        let Some(column) = names.iter().position(|known| *known == name) else { continue };
        let number = |row: &&str| u64::from_str_radix(row.split_ascii_whitespace().nth(column)?, 16).ok();
        if let Some(total) = rows.iter().map(number).sum() {
            place.overflow(what, None, total);
        }
    }
}

fn add_queues(place: &mut PlaceDoc, queues: &[Queue]) {
    queues.iter().take(MOST_LINKS).for_each(|queue| add_queue(place, queue));
    if let Some(more) = queues.len().checked_sub(MOST_LINKS).filter(|more| *more > 0) {
        place.lacks("queue", format!("{more} interfaces beyond the first {MOST_LINKS} are left out"));
    }
}

fn add_queue(place: &mut PlaceDoc, queue: &Queue) {
    let (link, kind) = (&queue.link, &queue.kind);
    let name = format!("{} ({kind})", link.name);
    if kind != "noqueue" {
        let limit = queue.limit.map(u64::from);
        place.gauges.push(GaugeDoc::new("queue", u64::from(queue.packets), limit, Unit::Count).of(&name));
        place.gauges.push(GaugeDoc::new("queue_bytes", u64::from(queue.bytes), None, Unit::Bytes).of(&name));
        place.overflow("queue_drops", Some(&name), u64::from(queue.drops));
        place.overflow("queue_overlimits", Some(&name), u64::from(queue.overlimits));
    }
    place.overflow("link_receive_drops", Some(&link.name), link.stats.rx_dropped);
    place.overflow("link_transmit_drops", Some(&link.name), link.stats.tx_dropped);
}
