//! What all targets share: the host's pressure, its table of files, threads, TCP's memory, and the packets that its
//! CPUs did not come to.

use std::path::Path;

use super::{
    files::{numbers, read},
    pressure,
};
use crate::{
    api::types::{PlaceDoc, PlaceKind, Unit},
    target::Host,
};

/// Reads the node.
pub(super) fn node(host: &Host) -> PlaceDoc {
    let mut place = PlaceDoc::new(PlaceKind::Node, "node");
    let at = |name: &str| read(&host.proc.join(name));
    for what in pressure::RESOURCES {
        let text = at(&format!("pressure/{what}"));
        match text.and_then(|text| pressure::parse(what, &text).ok_or("it is not as expected".to_owned())) {
            Ok(found) => place.pressures.push(found),
            Err(why) => place.lacks(&format!("pressure of {what}"), why),
        }
    }
    let parts: [(&str, Part); 5] = [
        ("files", files_in_use),
        ("threads", threads),
        ("tcp_memory", tcp_memory),
        ("orphans", orphans),
        ("softnet", softnet),
    ];
    for (what, part) in parts {
        if let Err(why) = part(&host.proc, &mut place) {
            place.lacks(what, why);
        }
    }
    place
}

type Part = fn(&Path, &mut PlaceDoc) -> Result<(), String>;

fn first(proc: &Path, name: &str, at: usize) -> Result<u64, String> {
    let text = read(&proc.join(name))?;
    numbers(&text).get(at).copied().ok_or_else(|| format!("{name} is not as expected"))
}

/// `IN_USE 0 MOST`
fn files_in_use(proc: &Path, place: &mut PlaceDoc) -> Result<(), String> {
    let name = "sys/fs/file-nr";
    place.gauge("files", first(proc, name, 0)?, Some(first(proc, name, 2)?), Unit::Count);
    Ok(())
}

/// The fourth word of loadavg is `RUNNING/ALL`.
fn threads(proc: &Path, place: &mut PlaceDoc) -> Result<(), String> {
    let text = read(&proc.join("loadavg"))?;
    let all = text.split_ascii_whitespace().nth(3).and_then(|word| word.split_once('/')?.1.parse().ok());
    let all = all.ok_or("loadavg is not as expected")?;
    place.gauge("threads", all, Some(first(proc, "sys/kernel/threads-max", 0)?), Unit::Count);
    Ok(())
}

/// A number of the line `TCP:`, which is about all namespaces.
fn of_tcp(proc: &Path, key: &str) -> Result<u64, String> {
    let text = read(&proc.join("net/sockstat"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:")).ok_or("sockstat has no TCP")?;
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let found = words.iter().position(|word| *word == key).and_then(|at| words.get(at + 1)?.parse().ok());
    found.ok_or_else(|| format!("sockstat has no {key}"))
}

/// tcp_mem is where nothing is done, where TCP begins to save, and where it refuses, in pages.
fn tcp_memory(proc: &Path, place: &mut PlaceDoc) -> Result<(), String> {
    let most = first(proc, "sys/net/ipv4/tcp_mem", 2)?;
    place.gauge("tcp_memory", of_tcp(proc, "mem")?, Some(most), Unit::Pages);
    Ok(())
}

/// Connections that no process holds any more, and that still have something to send.
fn orphans(proc: &Path, place: &mut PlaceDoc) -> Result<(), String> {
    let most = first(proc, "sys/net/ipv4/tcp_max_orphans", 0)?;
    place.gauge("orphans", of_tcp(proc, "orphan")?, Some(most), Unit::Count);
    Ok(())
}

/// A line of hexadecimal numbers for each CPU: packets, dropped for want of room, stopped for want of time, ...
fn softnet(proc: &Path, place: &mut PlaceDoc) -> Result<(), String> {
    let text = read(&proc.join("net/softnet_stat"))?;
    let column = |at: usize| -> Option<u64> {
        let word = |line: &str| u64::from_str_radix(line.split_ascii_whitespace().nth(at)?, 16).ok();
        text.lines().map(word).sum()
    };
    let (Some(dropped), Some(squeezed)) = (column(1), column(2)) else {
        return Err("net/softnet_stat is not as expected".to_owned());
    };
    place.overflow("softnet_dropped", None, dropped);
    // It goes on with them in the next round.
    place.traffic("softnet_squeezed", squeezed);
    Ok(())
}
