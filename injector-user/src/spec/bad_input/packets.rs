//! Which packets: peers, ports, names.

use super::{says, shows};
use crate::spec::*;

#[test]
fn peers() {
    const FORMS: &str = "(write CIDR or NAME, with :PORT or :LOW-HIGH behind it or alone, such as 10.0.0.5:5432, \
                         10.0.0.0/8, db.internal:5432, [2001:db8::/32]:443 or :8000-8999)";
    const NAMES: &str =
        "(names are not looked up; write an address or CIDR such as 10.0.0.0/8 or 2001:db8::/32)";
    says::<Peer>(
        "10.0.0.5/8",
        "`10.0.0.5/8` has host bits set (write 10.0.0.0/8 for the network or 10.0.0.5 for the host)",
    );
    says::<Peer>(
        "[2001:db8::1/32]:443",
        "`2001:db8::1/32` has host bits set (write 2001:db8::/32 for the network or 2001:db8::1 for the host)",
    );
    for port in ["0", "65536", "", "-1", "+80", "http"] {
        let message = format!("`{port}` is not a port (a port is a number from 1 to 65535)");
        says::<Peer>(&format!("10.0.0.5:{port}"), &message);
    }
    says::<Peer>(":90-80", "the ports 90-80 are turned round (write 80-90)");
    says::<Peer>("10.0.0.0/33", "/33 is too long a prefix for `10.0.0.0` (it is 0 to 32)");
    says::<Peer>("::/999", "/999 is too long a prefix for `::` (it is 0 to 128)");
    says::<Peer>("5432", "`5432` is not a peer (ports alone are written :5432)");
    says::<Peer>("80-90", "`80-90` is not a peer (ports alone are written :80-90)");
    says::<Peer>("90-80", "`90-80` is not a peer (ports alone are written :90-80)");
    says::<Peer>("10.0.0.256", &format!("`10.0.0.256` is not an address or network {NAMES}"));
    says::<Peer>("db.example/24", &format!("`db.example/24` is not an address or network {NAMES}"));
    says::<Peer>("10.0.0.0/", &format!("`10.0.0.0/` is not an address or network {NAMES}"));
    says::<Peer>("", &format!("`` is not a peer {FORMS}"));
    says::<Peer>("[2001:db8::1", &format!("`[2001:db8::1` is not a peer {FORMS}"));
    says::<Peer>("[10.0.0.1]:80", &format!("`[10.0.0.1]:80` is not a peer {FORMS}"));
    says::<Peer>("[::1]80", &format!("`[::1]80` is not a peer {FORMS}"));
    says::<Peer>("::ffff:10.0.0.1", "`::ffff:10.0.0.1` is IPv4 on the wire (write 10.0.0.1)");
    says::<Peer>(
        "db..internal:80",
        "`db..internal` is not a host name (between the dots are 1 to 63 letters, as in db.internal)",
    );

    let peer = shows::<Peer>("10.0.0.0/8:5432", "10.0.0.0/8:5432");
    assert_eq!(peer, Peer { host: Host::Net("10.0.0.0/8".parse().unwrap()), ports: Some(Ports::one(5432)) });
    assert_eq!(shows::<Peer>(":443", ":443"), Peer { host: Host::Any, ports: Some(Ports::one(443)) });
    let named = shows::<Peer>("DB.Internal.:5432-5440", "db.internal:5432-5440");
    assert_eq!(named.host, Host::Name("db.internal".parse().unwrap()));
    shows::<Peer>("localhost", "localhost");
    shows::<Peer>("10.0.0.5/32", "10.0.0.5");
    shows::<Peer>("[2001:DB8::/32]:443", "[2001:db8::/32]:443");
    shows::<Peer>("2001:db8::1", "2001:db8::1");
    shows::<Peer>("[2001:db8::1]", "2001:db8::1");
    shows::<Peer>("0.0.0.0/0", "0.0.0.0/0");
    shows::<Peer>("::/0", "::/0");
}

#[test]
fn ports() {
    says::<Ports>("90-80", "the ports 90-80 are turned round (write 80-90)");
    for (text, port) in [("0", "0"), ("80-", ""), ("-80", "-80"), ("80-65536", "65536"), ("1-2-3", "2-3")] {
        says::<Ports>(text, &format!("`{port}` is not a port (a port is a number from 1 to 65535)"));
    }
    assert_eq!(shows::<Ports>("8000-8999", "8000-8999"), Ports { low: 8000, high: 8999 });
    assert_eq!(shows::<Ports>("80-80", "80").single(), Some(80));
    let ports = Ports { low: 80, high: 90 };
    assert_eq!([79, 80, 90, 91].map(|port| ports.contains(port)), [false, true, true, false]);
}

#[test]
fn host_names() {
    let (letter, long) = ("x".repeat(64), "a.".repeat(126) + "ab");
    const PARTS: &str = "its parts are of a-z, 0-9 and -, with - only inside, as in db.internal";
    for (name, hint) in [
        ("", "a name has 1 to 253 letters, as in db.internal"),
        (&*long, "a name has 1 to 253 letters, as in db.internal"),
        (&letter, "between the dots are 1 to 63 letters, as in db.internal"),
        ("a..b", "between the dots are 1 to 63 letters, as in db.internal"),
        ("-a.b", PARTS),
        ("a-.b", PARTS),
        ("a b", PARTS),
        ("ü.example", PARTS),
        ("10.0.0.300", "its last part needs a letter; an address is four numbers of 0 to 255"),
        ("1-3", "its last part needs a letter; an address is four numbers of 0 to 255"),
    ] {
        says::<HostName>(name, &format!("`{name}` is not a host name ({hint})"));
    }
    shows::<HostName>("Api_1.Example.COM.", "api_1.example.com");
    assert_eq!(
        shows::<HostName>(&long[1..].replacen('.', "b", 1), &long[1..].replacen('.', "b", 1)).as_str().len(),
        253
    );
}

#[test]
fn words_of_a_list() {
    says::<Protocol>("sctp", "`sctp` is not a protocol (write tcp, udp or icmp (ICMP and ICMPv6))");
    says::<Connections>("old", "`old` says nothing of connections (write new or established)");
    for name in ["", "eth0 ", "a/b", "a:b", "..", "sixteen-letters!"] {
        says::<InterfaceName>(
            name,
            &format!("`{name}` is not an interface's name (write it as `ip link` shows it, such as eth0)"),
        );
    }
    shows::<Protocol>("icmp", "icmp");
    shows::<Connections>("new", "new");
    assert_eq!(shows::<InterfaceName>("br-1234567890ab", "br-1234567890ab").as_str().len(), 15);
}

#[test]
fn names_that_are_asked_for() {
    for text in ["a.*", "*example.com", "**", "*.*.com"] {
        says::<DnsPattern>(
            text,
            &format!(
                "`{text}` is not a pattern of names (a * stands at the beginning only: *, *.example.com or example.com)"
            ),
        );
    }
    says::<DnsPattern>("*.", "`` is not a host name (a name has 1 to 253 letters, as in db.internal)");
    says::<DnsAnswer>(
        "refused",
        "`refused` is not an answer (write lost, delayed, nxdomain, servfail, empty or reset)",
    );
    assert_eq!(shows::<DnsPattern>("*", "*"), DnsPattern::All);
    assert_eq!(
        shows::<DnsPattern>("*.Example.com", "*.example.com"),
        DnsPattern::Below("example.com".parse().unwrap())
    );
}
