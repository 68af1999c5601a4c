//! An event of the kernel's in words.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, SystemTime},
};

use injector_ebpf::event::{Event, TELLS_PATH, TELLS_PEER};
use syscalls::Sysno;

use crate::{api::types::EventDoc, spec::Errno};

/// The text of a buffer that a 0 ends unless it is full. Other people's text: what is no text is marked.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// A `struct sockaddr` of IPv4 or IPv6 (linux/in.h, linux/in6.h).
fn peer(bytes: &[u8]) -> Option<String> {
    let [low, high, port @ ..] = bytes.first_chunk::<4>()?;
    let (family, port) = (i32::from(u16::from_ne_bytes([*low, *high])), u16::from_be_bytes(*port));
    let address = match family {
        libc::AF_INET => Ipv4Addr::from(*bytes.get(4..8)?.first_chunk::<4>()?).into(),
        libc::AF_INET6 => Ipv6Addr::from(*bytes.get(8..24)?.first_chunk::<16>()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(address, port).to_string())
}

fn call(number: u32) -> String {
    Sysno::new(number as usize).map_or_else(|| number.to_string(), |call| call.name().to_owned())
}

fn errno(result: i32) -> String {
    let known = Errno::from_number(result.saturating_neg());
    known.map_or_else(|| result.to_string(), |errno| errno.name().to_owned())
}

/// `ago` is how long ago it was, by the clock of the kernel's.
pub(super) fn words(event: &Event, ago: Duration, fault: Option<String>, cgroup: String) -> EventDoc {
    let now = SystemTime::now();
    // A host without a clock of its own begins in 1970, and nothing before that can be written down.
    let time = now.checked_sub(ago).unwrap_or(now).max(SystemTime::UNIX_EPOCH);
    EventDoc {
        time: humantime::format_rfc3339_micros(time).to_string(),
        fault,
        pid: event.pid,
        tid: event.tid,
        comm: text(&event.comm),
        cgroup,
        syscall: call(event.number),
        path: (event.kind == TELLS_PATH).then(|| text(&event.text)),
        peer: if event.kind == TELLS_PEER { peer(&event.text) } else { None },
        errno: errno(event.errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use injector_ebpf::event::{EVENT_TEXT, TELLS_NOTHING};

    fn event(kind: u32, start: &[u8]) -> Event {
        let mut text = [0; EVENT_TEXT];
        text[..start.len()].copy_from_slice(start);
        let comm = *b"postgres\0\0\0\0\0\0\0\0";
        let number = Sysno::connect.id() as u32;
        Event { at: 5, cgroup: 7, pid: 10, tid: 11, rule: 1, errno: -111, number, kind, comm, text }
    }

    fn of(kind: u32, start: &[u8]) -> EventDoc {
        words(&event(kind, start), Duration::ZERO, None, "/app".into())
    }

    #[test]
    fn what_was_before_1970_is_told_too() {
        let ages = Duration::from_secs(1 << 33);
        let doc = words(&event(TELLS_NOTHING, b""), ages, None, "/app".into());
        assert_eq!(doc.time, "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn names_stand_for_numbers() {
        let doc = of(TELLS_NOTHING, b"/not/told");
        assert_eq!(
            (doc.syscall.as_str(), doc.errno.as_str(), doc.comm.as_str()),
            ("connect", "ECONNREFUSED", "postgres")
        );
        assert_eq!((doc.path, doc.peer), (None, None));
    }

    #[test]
    fn paths_and_peers_are_read_and_nothing_else_is() {
        assert_eq!(of(TELLS_PATH, b"/etc/hosts").path.as_deref(), Some("/etc/hosts"));
        assert_eq!(of(TELLS_PATH, &[b'x'; EVENT_TEXT]).path.map(|path| path.len()), Some(EVENT_TEXT));
        let mut v4 = [0, 0, 0x15, 0x38, 10, 0, 0, 5];
        v4[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
        assert_eq!(of(TELLS_PEER, &v4).peer.as_deref(), Some("10.0.0.5:5432"));
        let mut v6 = [0; 24];
        v6[..2].copy_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
        (v6[3], v6[23]) = (80, 1);
        assert_eq!(of(TELLS_PEER, &v6).peer.as_deref(), Some("[::1]:80"));
        assert_eq!(of(TELLS_PEER, b"\x01\x00/run/x").peer, None);
    }
}
