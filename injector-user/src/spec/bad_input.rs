//! Every refused input and what it is told, word by word; and what is accepted beside it.

use super::*;
use std::str::FromStr;

mod amounts;
mod calls;
mod faults;
mod packets;

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
    let expected: Vec<i32> = (1..=133).filter(|n| ![41, 58].contains(n)).collect();
    assert_eq!(numbers, expected);
    for number in numbers {
        let errno = Errno::from_number(number).unwrap();
        assert_eq!(format!("{:?}", nix::errno::Errno::from_raw(number)), errno.name());
        assert_eq!(errno.name().parse::<Errno>().unwrap(), errno);
    }
}

#[test]
fn syscalls() {
    says::<SyscallName>("fsnc", "there is no system call `fsnc` (did you mean fsync?)");
    says::<SyscallName>("frobnicate", "there is no system call `frobnicate` (man 2 syscalls has them all)");
    says::<SyscallName>(
        "exit_group",
        "exit_group can't be failed (no program lives without it: name a call that can return an error)",
    );
    shows::<SyscallName>("open", "open");
    shows::<SyscallName>("openat", "openat");
}

#[test]
fn rungs() {
    for rung in ["", "Kprobe", "fmod", "ebpf"] {
        let hint = "write kprobe, fmod-ret, lsm, security or cgroup; without it the best one is taken";
        says::<Rung>(rung, &format!("`{rung}` is not a rung ({hint})"));
    }
}

#[test]
fn paths() {
    says::<PathPattern>("/", "the path `/` matches everything (leave it out)");
    says::<PathPattern>(
        "var/lib",
        "the path `var/lib` is not absolute (start it with a slash, as in /var/lib)",
    );
    says::<PathPattern>("/**", "the path `/**` matches everything (leave it out)");
    for path in ["/a/**/b", "/a/b**"] {
        says::<PathPattern>(
            path,
            &format!(
                "the path `{path}` holds `**` within (write /** at its end for all that is below, and * for letters of one name)"
            ),
        );
    }
    for (path, part) in [("/a/../b", ".."), ("/a//b", "//"), ("/a/./b", "."), ("//", "//")] {
        if path == "//" {
            assert!(path.parse::<PathPattern>().is_err());
            continue;
        }
        let message = format!("the path `{path}` holds `{part}` (write it as `realpath` prints it)");
        says::<PathPattern>(path, &message);
    }
    says::<PathPattern>("/a\0b", "the path `/a\\0b` holds a NUL byte (remove it)");
    let long = format!("/{}", "x".repeat(127));
    says::<PathPattern>(
        &long,
        "the path is 128 bytes long (at most 127 bytes: write a directory further up)",
    );
    assert_eq!(shows::<PathPattern>(&format!("{}/", &long[..127]), &long[..127]).as_str().len(), 127);
    shows::<PathPattern>("/var/lib/app/", "/var/lib/app");
}

#[test]
fn targets() {
    for text in ["nginx", "Container:4f2a", "pods:x", "cgroup", ":"] {
        says::<TargetSpec>(
            text,
            &format!(
                "`{text}` is not a target (write cgroup:/PATH, unit:NAME, container:ID_OR_NAME, \
                 pod:NAMESPACE/NAME or pid:NUMBER, such as unit:nginx.service)"
            ),
        );
    }
    says::<TargetSpec>(
        "cgroup:/a/**/b",
        "the cgroup `/a/**/b` holds `**` \
         (a `*` stands for letters of one name; what is below a match belongs to it anyway)",
    );
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
    for name in ["", "/web", "-web", ".web", "a b", "a/b", "..", "é", &"x".repeat(256)] {
        says::<TargetSpec>(
            &format!("container:{name}"),
            &format!(
                "`{name}` is not a container's id or name (write it as `docker ps`, `podman ps` or `crictl ps` \
                 shows it, such as container:4f2a8b)"
            ),
        );
    }
    for uid in
        ["", "web", "4f2a", "0a1B2c3d-0000-1111-2222-333344445555", "0a1b2c3d-0000-1111-2222-33334444555"]
    {
        says::<TargetSpec>(
            &format!("pod:{uid}"),
            &format!(
                "`{uid}` is neither a pod's NAMESPACE/NAME nor its uid \
                 (write the namespace too, such as pod:default/web-0)"
            ),
        );
    }
    let long = format!("default/{}", "x".repeat(254));
    for name in ["/", "default/", "/web", "Default/web", "a.b/web", "default/web_0", "a/../b", "a/b/c", &long]
    {
        says::<TargetSpec>(
            &format!("pod:{name}"),
            &format!(
                "`{name}` is not a pod's name \
                 (write it as `kubectl get pods -A` shows it, such as pod:default/web-0)"
            ),
        );
    }
    for pid in ["", "0", "-1", "+7", "4194305", "1.5", "self"] {
        says::<TargetSpec>(
            &format!("pid:{pid}"),
            &format!("`{pid}` is not a pid (a pid is a number from 1 to 4194304)"),
        );
    }
    shows::<TargetSpec>("pid:0042", "pid:42");
    shows::<TargetSpec>("container:web_1.a-b", "container:web_1.a-b");
    shows::<TargetSpec>("pod:kube-system/etcd.node-1", "pod:kube-system/etcd.node-1");
    shows::<TargetSpec>("pod:8daa50c3a64c9ff60bb9eab7b44b56fd", "pod:8daa50c3a64c9ff60bb9eab7b44b56fd");
    let pod = shows::<TargetSpec>(
        "pod:0a1b2c3d-0000-1111-2222-333344445555",
        "pod:0a1b2c3d-0000-1111-2222-333344445555",
    );
    assert_eq!(pod, TargetSpec::Pod(PodName::Uid("0a1b2c3d-0000-1111-2222-333344445555".into())));
    assert_eq!(
        shows::<TargetSpec>("cgroup:/a.slice/b-?.*/", "cgroup:/a.slice/b-?.*"),
        TargetSpec::Cgroups("/a.slice/b-?.*".into())
    );
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
