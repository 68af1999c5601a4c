//! Every refused input and what it is told, word by word; and what is accepted beside it.

use super::*;
use std::str::FromStr;

#[track_caller]
fn says<T: FromStr<Err = crate::error::Error> + std::fmt::Debug>(text: &str, message: &str) {
    let error = text.parse::<T>().unwrap_err();
    assert_eq!(error.kind.exit_code(), 2, "{error}");
    assert_eq!(error.to_string(), message);
}

#[track_caller]
fn shows<T: FromStr<Err = crate::error::Error> + ToString>(text: &str, shown: &str) -> T {
    let value: T = text.parse().unwrap_or_else(|error: crate::error::Error| panic!("{error}"));
    assert_eq!(value.to_string(), shown);
    value
}

#[test]
fn percents() {
    const RANGE: &str = "(a percent is between 0.0001 and 100)";
    const FORM: &str = "is not a percent (write a decimal between 0.0001 and 100, such as 5 or 0.25)";
    says::<Percent>("0", &format!("0 % would never act {RANGE}"));
    says::<Percent>("0.0000", &format!("0.0000 % would never act {RANGE}"));
    says::<Percent>("150", &format!("150 % is more than all {RANGE}"));
    says::<Percent>("100.0001%", &format!("100.0001 % is more than all {RANGE}"));
    says::<Percent>("99999999999", &format!("99999999999 % is more than all {RANGE}"));
    says::<Percent>("0.00001", "0.00001 % has more than 4 decimals (the smallest step is 0.0001)");
    for text in ["", "%", "-5", "+5", "1e1", "5.", ".5", "5%%", "five", "1,5", "0x5"] {
        says::<Percent>(text, &format!("`{text}` {FORM}"));
    }
    assert_eq!(shows::<Percent>("100%", "100%").threshold(), 1 << 32);
    assert_eq!(shows::<Percent>("50", "50%").threshold(), 1 << 31);
    assert_eq!(shows::<Percent>("0.0001", "0.0001%").threshold(), 4295);
    assert_eq!(shows::<Percent>(" 2.50 %", "2.5%").units(), 25_000);
    assert_eq!(Percent::whole(20), "20".parse().unwrap());
    assert_eq!((Percent::from_units(0), Percent::from_units(1_000_001)), (None, None));
}

#[test]
fn percents_in_json() {
    let read = serde_json::from_str::<Percent>;
    assert_eq!(read("5").unwrap(), read("\"5%\"").unwrap());
    assert_eq!(read("0.0001").unwrap().units(), 1);
    assert_eq!(read("5.0").unwrap().units(), 50_000);
    for (json, message) in [
        ("0", "0 % would never act"),
        ("150", "150 % is more than all"),
        ("-1", "`-1` is not a percent"),
        ("1e300", "1e300 is not a percent"),
        ("0.00001", "0.00001 % has more than 4 decimals"),
        ("true", "invalid type: boolean `true`, expected a percent such as 5"),
    ] {
        let error = read(json).unwrap_err().to_string();
        assert!(error.starts_with(message), "{json}: {error}");
    }
}

#[test]
fn spans() {
    const FORM: &str =
        "is not a duration (write whole numbers with units, longest first: 500us, 80ms, 30s, 1m30s, 1h)";
    says::<Span>("30", "`30` has no unit (write 30us, 30ms, 30s, 30m or 30h)");
    for text in ["", "s", "1.5s", "-1s", "30s1m", "1s1s", "5ns", "1d", "30 s", "30sec", "1m30"] {
        says::<Span>(text, &format!("`{text}` {FORM}"));
    }
    says::<Span>("9999999999999999h", "`9999999999999999h` is too long (write less, e.g. 5m)");
    assert_eq!(shows::<Span>("1m30s", "1m30s").as_micros(), 90_000_000);
    assert_eq!(shows::<Span>("90s", "1m30s"), shows::<Span>("1m30s", "1m30s"));
    assert_eq!(shows::<Span>("500us", "500us").duration(), std::time::Duration::from_micros(500));
    assert_eq!(shows::<Span>("1500ms", "1s500ms"), Span::from_millis(1500));
    assert!(shows::<Span>("0ms", "0s").is_zero());
    let error = serde_json::from_str::<Span>("30").unwrap_err().to_string();
    assert!(error.starts_with("`30` has no unit"), "{error}");
}

#[test]
fn peers() {
    const FORMS: &str = "(write CIDR[:PORT], such as 10.0.0.5:5432, 10.0.0.0/8, [2001:db8::/32]:443 or :443)";
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
    says::<Peer>("10.0.0.0/33", "/33 is too long a prefix for `10.0.0.0` (it is 0 to 32)");
    says::<Peer>("::/999", "/999 is too long a prefix for `::` (it is 0 to 128)");
    says::<Peer>("5432", "`5432` is not a peer (a port alone is written :5432)");
    says::<Peer>("db.example:5432", &format!("`db.example` is not an address or network {NAMES}"));
    says::<Peer>("10.0.0.0/", &format!("`10.0.0.0/` is not an address or network {NAMES}"));
    says::<Peer>("", &format!("`` is not an address or network {NAMES}"));
    says::<Peer>("[2001:db8::1", &format!("`[2001:db8::1` is not a peer {FORMS}"));
    says::<Peer>("[10.0.0.1]:80", &format!("`[10.0.0.1]:80` is not a peer {FORMS}"));
    says::<Peer>("[::1]80", &format!("`[::1]80` is not a peer {FORMS}"));
    says::<Peer>("::ffff:10.0.0.1", "`::ffff:10.0.0.1` is IPv4 on the wire (write 10.0.0.1)");

    let peer = shows::<Peer>("10.0.0.0/8:5432", "10.0.0.0/8:5432");
    assert_eq!((peer.net.unwrap().to_string().as_str(), peer.port), ("10.0.0.0/8", Some(5432)));
    assert_eq!(shows::<Peer>(":443", ":443"), Peer { net: None, port: Some(443) });
    shows::<Peer>("10.0.0.5/32", "10.0.0.5");
    shows::<Peer>("[2001:DB8::/32]:443", "[2001:db8::/32]:443");
    shows::<Peer>("2001:db8::1", "2001:db8::1");
    shows::<Peer>("[2001:db8::1]", "2001:db8::1");
    shows::<Peer>("0.0.0.0/0", "0.0.0.0/0");
    shows::<Peer>("::/0", "::/0");
}

#[test]
fn errnos() {
    says::<Errno>("EIOO", "`EIOO` is not an errno (perhaps EIO)");
    says::<Errno>("EACCESS", "`EACCESS` is not an errno (perhaps EACCES)");
    says::<Errno>("eio", "`eio` is not an errno (perhaps EIO)");
    says::<Errno>(
        "no-such-thing",
        "`no-such-thing` is not an errno (perhaps a name such as EIO, ENOSPC or EACCES)",
    );
    says::<Errno>("5", "the errno `5` is a number (name it: EIO)");
    says::<Errno>("-28", "the errno `-28` is a number (name it: ENOSPC)");
    says::<Errno>("512", "the errno `512` is a number (name it: EIO)");
    says::<Errno>(
        "EINTR",
        "EINTR can't be injected (programs retry it at once: at a high percent open() never returned \
         (225k retries in 3 s); use EIO, EAGAIN or ETIMEDOUT)",
    );
    for (name, number) in [
        ("ERESTARTSYS", 512),
        ("ERESTARTNOINTR", 513),
        ("ERESTARTNOHAND", 514),
        ("ENOIOCTLCMD", 515),
        ("ERESTART_RESTARTBLOCK", 516),
        ("EPROBE_DEFER", 517),
        ("EPROBEDEFER", 517),
        ("ENOTSUPP", 524),
    ] {
        says::<Errno>(
            name,
            &format!(
                "{name} can't be injected (it is the kernel's own code {number}, \
                 and would leak to the program as that; use EIO)"
            ),
        );
    }
    assert_eq!(shows::<Errno>("ENOSPC", "ENOSPC").number(), libc::ENOSPC);
    assert_eq!(shows::<Errno>("EWOULDBLOCK", "EAGAIN").number(), libc::EAGAIN);
    assert_eq!(shows::<Errno>("ENOTSUP", "EOPNOTSUPP").number(), libc::EOPNOTSUPP);
}

/// 1 to 133, without the two numbers that do not exist; nix knows the same names for the same numbers.
#[test]
fn the_errno_table_is_the_hosts() {
    let numbers: Vec<i32> = (-1..600).filter(|n| Errno::from_number(*n).is_some()).collect();
    let expected: Vec<i32> = (1..=133).filter(|n| ![4, 41, 58].contains(n)).collect();
    assert_eq!(numbers, expected);
    for number in numbers {
        let errno = Errno::from_number(number).unwrap();
        assert_eq!(format!("{:?}", nix::errno::Errno::from_raw(number)), errno.name());
        assert_eq!(errno.name().parse::<Errno>().unwrap(), errno);
    }
}

#[test]
fn syscalls() {
    says::<SyscallName>(
        "openat",
        "`openat` alone can't be failed (write open: it covers open, openat, openat2, creat)",
    );
    says::<SyscallName>(
        "fsync",
        "`fsync` can't be failed (what can be failed: open (covers open, openat, openat2, creat))",
    );
    assert_eq!(shows::<SyscallName>("open", "open").members().len(), 4);
}

#[test]
fn paths() {
    says::<PathPrefix>("/", "the path `/` matches every open (leave out --path)");
    says::<PathPrefix>(
        "var/lib",
        "the path `var/lib` is not absolute (start it with a slash, as in /var/lib)",
    );
    for (path, part) in [("/a/../b", ".."), ("/a//b", "//"), ("/a/./b", "."), ("//", "//")] {
        if path == "//" {
            assert!(path.parse::<PathPrefix>().is_err());
            continue;
        }
        let message = format!("the path `{path}` holds `{part}` (write it as `realpath` prints it)");
        says::<PathPrefix>(path, &message);
    }
    says::<PathPrefix>("/a\0b", "the path `/a\\0b` holds a NUL byte (remove it)");
    let long = format!("/{}", "x".repeat(127));
    says::<PathPrefix>(&long, "the path is 128 bytes long (at most 127 bytes: write a directory further up)");
    assert_eq!(shows::<PathPrefix>(&format!("{}/", &long[..127]), &long[..127]).as_str().len(), 127);
    shows::<PathPrefix>("/var/lib/app/", "/var/lib/app");
}

#[test]
fn targets() {
    for text in ["nginx", "container:4f2a", "pod:x", "cgroup", ":"] {
        says::<TargetSpec>(
            text,
            &format!(
                "`{text}` is not a target (write cgroup:/PATH or unit:NAME, such as unit:nginx.service)"
            ),
        );
    }
    says::<TargetSpec>(
        "cgroup:app.slice",
        "the cgroup `app.slice` is not absolute (start it with a slash, as in /app.slice)",
    );
    says::<TargetSpec>(
        "cgroup:/a/../b",
        "the cgroup `/a/../b` holds `..` (write it as `realpath` prints it)",
    );
    says::<TargetSpec>(
        "cgroup:/sys/fs/cgroup/unified/app",
        "`/sys/fs/cgroup/unified/app` is a path of the file system \
         (write it from the root of the cgroups: cgroup:/app)",
    );
    for name in ["", "..", "a/b", "a b", "../x.service", ".x"] {
        says::<TargetSpec>(
            &format!("unit:{name}"),
            &format!(
                "`{name}` is not a unit's name (write it as `systemctl` shows it, such as unit:nginx.service)"
            ),
        );
    }
    shows::<TargetSpec>("unit:nginx", "unit:nginx.service");
    shows::<TargetSpec>("unit:app@1.2", "unit:app@1.2.service");
    shows::<TargetSpec>("unit:user-0.slice", "unit:user-0.slice");
    shows::<TargetSpec>("cgroup:/app.slice/", "cgroup:/app.slice");
    shows::<TargetSpec>("cgroup:/", "cgroup:/");
}

#[test]
fn names_and_directions() {
    for name in ["", "-a", "A", "a_b", "ü", &"x".repeat(33)] {
        says::<FaultName>(
            name,
            &format!("`{name}` is not a fault's name (write 1 to 32 of a-z, 0-9 and -, not starting with -)"),
        );
    }
    shows::<FaultName>("drop-7k3", "drop-7k3");
    says::<Direction>(
        "out",
        "`out` is not a direction (write egress (what the target sends), ingress or both)",
    );
    assert_eq!(Direction::default(), shows("egress", "egress"));
    assert!(Direction::Both.egress() && Direction::Both.ingress() && !Direction::Egress.ingress());
}

#[test]
fn faults() {
    for (json, message) in [
        (r#"{"kind":"drop","targets":["unit:a"]}"#, "a drop needs `percent` (nothing defaults to 100 %"),
        (r#"{"kind":"drop","percent":5}"#, "a drop needs a target (such as unit:nginx.service)"),
        (r#"{"kind":"drop","percent":150,"targets":["unit:a"]}"#, "150 % is more than all"),
        (
            r#"{"kind":"drop","percent":5,"targets":["unit:a"],"errno":"EIO"}"#,
            "`errno` does not belong to a drop (a drop has percent, direction)",
        ),
        (r#"{"kind":"drop","percent":5,"targets":["unit:a"],"colour":1}"#, "unknown field `colour`"),
        (r#"{"kind":"drop","percent":5,"targets":["unit:a"],"for":30}"#, "`30` has no unit"),
        (r#"{"kind":"drop","percent":5,"targets":["unit:a"],"for":"0s"}"#, "a fault of 0s would never act"),
        (r#"{"kind":"drop","percent":5,"targets":["unit:a"],"budget":0}"#, "a budget of 0 would never act"),
        (
            r#"{"kind":"drop","percent":5,"targets":["unit:a"],"peer":"10.0.0.5/8"}"#,
            "`10.0.0.5/8` has host bits set",
        ),
        (r#"{"kind":"drop","percent":5,"percent":6,"targets":["unit:a"]}"#, "duplicate field `percent`"),
        (r#"{"kind":"delay","targets":["unit:a"]}"#, "a delay needs `by` (how much later: such as 80ms)"),
        (r#"{"kind":"delay","by":"0ms","targets":["unit:a"]}"#, "a delay by 0s changes nothing"),
        (
            r#"{"kind":"delay","by":"80ms","jitter":"81ms","targets":["unit:a"]}"#,
            "the jitter 81ms is more than the delay 80ms (a packet can't leave early: write at most 80ms)",
        ),
        (
            r#"{"kind":"delay","by":"80ms","percent":5,"targets":["unit:a"]}"#,
            "`percent` does not belong to a delay (a delay has by, jitter)",
        ),
        (r#"{"kind":"fail","targets":["unit:a"]}"#, "a fail needs `syscall`"),
        (r#"{"kind":"fail","syscall":"open","percent":5,"targets":["unit:a"]}"#, "a fail needs `errno`"),
        (
            r#"{"kind":"fail","syscall":"open","errno":"EIO","targets":["unit:a"]}"#,
            "a fail needs `percent` (nothing",
        ),
        (
            r#"{"kind":"fail","syscall":"open","errno":"EIO","percent":5,"peer":":80","targets":["unit:a"]}"#,
            "a peer does not belong to a fail (leave it out: system calls have no peer)",
        ),
        (
            r#"{"kind":"melt","targets":["unit:a"]}"#,
            "`melt` is not a kind of fault (write drop, delay or fail)",
        ),
        (r#"{"targets":["unit:a"]}"#, "a fault needs a `kind`"),
        (r#"{"kind":"drop","#, "EOF while parsing"),
        (r#"[]"#, "invalid length 0"),
        ("", "EOF while parsing"),
    ] {
        let error = FaultSpec::from_json(json.as_bytes()).unwrap_err();
        assert_eq!(error.kind.exit_code(), 2);
        assert!(error.message.starts_with(&format!("the fault can't be read: {message}")), "{json}: {error}");
    }
}

#[test]
fn a_fault_as_json() {
    let json = r#"{"targets":["unit:nginx.service"],"kind":"drop","percent":0.25,"direction":"egress","peer":"10.0.0.5:5432","for":"30s","budget":100}"#;
    let spec = FaultSpec::from_json(json.as_bytes()).unwrap();
    assert_eq!(serde_json::to_string(&spec).unwrap(), json);
    assert_eq!((spec.fault.verb(), spec.fault.is_network()), ("drop", true));
    assert_eq!(spec.fault.percent(), Some("0.25".parse().unwrap()));
    let delay = br#"{"targets":["cgroup:/a"],"kind":"delay","by":"80ms","jitter":"20ms"}"#;
    let delay = FaultSpec::from_json(delay).unwrap();
    assert_eq!((delay.fault.percent(), delay.fault.longest_delay()), (None, Some(Span::from_millis(100))));
}
