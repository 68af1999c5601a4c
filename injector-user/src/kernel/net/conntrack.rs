//! Connections whose destination the namespace's own NAT rewrites, by its table of connections.

use std::{
    fs::File,
    io::{self, ErrorKind, Read as _},
    net::{IpAddr, SocketAddr},
    path::Path,
    str::FromStr,
};

use anyhow::{Context as _, Result};

use super::netns::Netns;
use super::sock_diag::Proto;

/// The namespace of the thread that reads it.
const TABLE: &str = "/proc/thread-self/net/nf_conntrack";
/// There as soon as connections are tracked, also where the table itself is not shown.
const COUNT: &str = "/proc/sys/net/netfilter/nf_conntrack_count";
/// More of the table is not read, some 20,000 connections: it is for a word of warning, and whoever asks waits.
const MOST: u64 = 4 << 20;

/// A connection that goes elsewhere than its program asked for (DNAT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// Protocol.
    pub proto: Proto,
    /// Who opened it.
    pub source: SocketAddr,
    /// Whom the program connected to: what its socket says.
    pub asked: SocketAddr,
    /// Where its packets go: what they carry at tc.
    pub wire: SocketAddr,
}

/// The rewritten connections of `ns`; none where connections aren't tracked, and of a large table those of the first
/// 4 MiB.
///
/// # Errors
/// EPERM without CAP_SYS_ADMIN if `ns` isn't the caller's own, EACCES if its table may not be read, no such file if the
/// kernel tracks connections and shows no table (built without CONFIG_NF_CONNTRACK_PROCFS), or what reading said.
pub fn rewritten(ns: &Netns) -> Result<Vec<Rewritten>> {
    let text = ns.run(|| {
        let mut text = Vec::new();
        if let Some(file) = there(File::open(TABLE), Path::new(COUNT).exists())? {
            file.take(MOST).read_to_end(&mut text).with_context(|| format!("read {TABLE}"))?;
        }
        Ok(text)
    })?;
    Ok(parse(&String::from_utf8_lossy(&text)))
}

/// None only if there can be no connections in the table: a table that isn't shown is not an empty one.
fn there(opened: io::Result<File>, tracked: bool) -> Result<Option<File>> {
    match opened {
        Err(error) if error.kind() == ErrorKind::NotFound && !tracked => Ok(None),
        opened => opened.map(Some).with_context(|| format!("open {TABLE}")),
    }
}

/// A line that is cut off at the end is left out.
fn parse(text: &str) -> Vec<Rewritten> {
    text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).filter_map(connection).collect()
}

/// Layer 3 and 4 by name and number, then the original direction and the reply's, `key=value` each
/// (net/netfilter/nf_conntrack_standalone.c: ct_seq_show).
fn connection(line: &str) -> Option<Rewritten> {
    let proto = match line.split_ascii_whitespace().nth(2)? {
        "tcp" => Proto::Tcp,
        "udp" => Proto::Udp,
        _ => return None,
    };
    let (sources, destinations) = (both::<IpAddr>(line, "src=")?, both::<IpAddr>(line, "dst=")?);
    let (from, to) = (both::<u16>(line, "sport=")?, both::<u16>(line, "dport=")?);
    let source = SocketAddr::new(sources[0], from[0]);
    let asked = SocketAddr::new(destinations[0], to[0]);
    // Whoever answers is whom the packets go to.
    let wire = SocketAddr::new(sources[1], from[1]);
    (asked != wire).then_some(Rewritten { proto, source, asked, wire })
}

/// The values of a key in both directions.
fn both<T: FromStr>(line: &str, key: &str) -> Option<[T; 2]> {
    let values = line.split_ascii_whitespace().filter_map(|word| word.strip_prefix(key)?.parse().ok());
    values.collect::<Vec<T>>().try_into().ok()
}

#[cfg(test)]
mod unit {
    use super::*;

    const SERVICE: &str = "ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.96.0.1 sport=4444 dport=443 \
                           src=10.244.1.7 dst=10.0.0.1 sport=6443 dport=4444 [ASSURED] mark=0 zone=0 use=2\n";
    const PLAIN: &str = "ipv4     2 tcp      6 100 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=5 dport=80 [UNREPLIED] \
                         src=10.0.0.2 dst=192.0.2.1 sport=80 dport=6 mark=0 use=2\n";
    const DNS: &str = "ipv6     10 udp      17 20 src=fd00::1 dst=fd00::a sport=9 dport=53 [UNREPLIED] src=fd00::b \
                       dst=fd00::1 sport=53 dport=9 use=2\n";
    const PING: &str = "ipv4     2 icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=1 src=10.0.0.3 \
                        dst=10.0.0.1 type=0 code=0 id=1 use=2\n";

    #[test]
    fn what_is_answered_by_another_one_is_rewritten() {
        let found = parse(&[SERVICE, PLAIN, PING, DNS].concat());
        let ends = |one: &Rewritten| [one.source, one.asked, one.wire].map(|end| end.to_string());
        assert_eq!(found.len(), 2, "masquerading changes the source only: {found:?}");
        assert_eq!(found[0].proto, Proto::Tcp);
        assert_eq!(ends(&found[0]), ["10.0.0.1:4444", "10.96.0.1:443", "10.244.1.7:6443"]);
        assert_eq!(found[1].proto, Proto::Udp);
        assert_eq!(ends(&found[1]), ["[fd00::1]:9", "[fd00::a]:53", "[fd00::b]:53"]);
    }

    #[test]
    fn a_table_that_cannot_be_read_is_not_an_empty_one() {
        let opened = |kind: ErrorKind, tracked| there(Err(kind.into()), tracked);
        assert!(opened(ErrorKind::NotFound, false).unwrap().is_none(), "nothing is tracked");
        assert!(opened(ErrorKind::NotFound, true).is_err());
        for tracked in [false, true] {
            assert!(opened(ErrorKind::PermissionDenied, tracked).is_err());
        }
    }

    #[test]
    fn what_is_not_a_whole_line_is_left_out() {
        for cut in 0..SERVICE.len() {
            assert_eq!(parse(&SERVICE[..cut]), [], "{}", &SERVICE[..cut]);
        }
        for wrong in ["dst=10.96.0.1", "sport=6443", "dport=443", "src=10.244.1.7"] {
            assert_eq!(parse(&SERVICE.replace(wrong, "x=y")), [], "{wrong}");
        }
        assert_eq!(parse(&SERVICE.replace("10.96.0.1", "10.96.0.256")), []);
        assert_eq!(parse("\n\n tcp\n"), []);
    }
}
