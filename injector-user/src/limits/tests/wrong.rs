//! Every wrong key and value of a limits file is refused with its place.

use crate::limits::file::parse;

/// The file, what is said of it, and where.
const WRONG: &[(&str, &str, &str)] = &[
    ("max_ttl: 10m\nmax_percnt: 5\n", "unknown field `max_percnt`, expected one of", "line 2, column 1"),
    ("mode: on\n", "unknown variant `on`", "line 1, column 7"),
    ("max_percent: 150\n", "150 % is more than all", "line 1, column 14"),
    ("\nmax_ttl: 30\n", "`30` has no unit (write 30us, ", "line 2, column 10"),
    ("max_delay: soon\n", "`soon` is not a duration", "line 1, column 12"),
    ("max_faults: 1\nmax_faults: 2\n", "duplicate mapping key: max_faults", "line 2, column 1"),
    ("max_faults: -1\n", "", "line 1, column 13"),
    ("max_ttl: [\n", "", "line 1, column 1"),
    ("just words\n", "", "line 1, column 1"),
    ("a: 1\n---\nb: 2\n", "unknown field `a`", "line 1, column 1"),
    ("# only\nmax_faults: 17\n", "max_faults is 17", "line 2, column 13"),
    ("max_faults: 0\n", "max_faults is 0", "line 1, column 13"),
    ("max_ttl: 0s\n", "max_ttl is 0s: nothing could live", "line 1, column 10"),
    ("max_targets: 0\n", "max_targets is 0", "line 1, column 14"),
    ("max_cgroups: 0\n", "max_cgroups is 0", "line 1, column 14"),
    ("max_processes: 0\n", "max_processes is 0", "line 1, column 16"),
    ("max_processes: many\n", "", "line 1, column 16"),
    ("max_faults_per_hour: 0\n", "max_faults_per_hour is 0", "line 1, column 22"),
    ("max_cgroup_share: 0\n", "0 % would never act", "line 1, column 19"),
    ("max_traffic_share: 101\n", "101 % is more than all", "line 1, column 20"),
    ("cooldown: 5\n", "`5` has no unit", "line 1, column 11"),
    // budget
    ("budget:\n  all: 5\n", "unknown field `all`", "line 2, column 3"),
    (
        "budget:\n  fault:\n    packets: 0\n",
        "budget.fault.packets is 0: nothing could act",
        "line 3, column 14",
    ),
    ("budget: {node: {calls_per_second: 0}}\n", "budget.node.calls_per_second is 0", "line 1, column 35"),
    ("budget:\n  node:\n    packet: 5\n", "unknown field `packet`", "line 3, column 5"),
    ("budget:\n  node:\n    bytes: 1MB\n", "", "line 3, column 12"),
    // protect
    ("protect:\n  - address:10.0.0.1/8\n", "`10.0.0.1/8` has host bits set", "line 2, column 5"),
    (
        "protect: [cgroup:/a/*]\n",
        "the pattern `/a/*` can't be protected (write each cgroup",
        "line 1, column 11",
    ),
    ("protect: [sshd]\n", "`sshd` can't be protected (write cgroup:/PATH, unit:NAME", "line 1, column 11"),
    ("protect: ['port:0']\n", "`0` is not a port", "line 1, column 11"),
    ("protect: ['pid:0']\n", "`0` is not a pid", "line 1, column 11"),
    ("protect: ['pid:4194305']\n", "`4194305` is not a pid", "line 1, column 11"),
    ("protect: ['user:no-such-user-here']\n", "this system has no user", "line 1, column 11"),
    ("protect: ['interface:a/b']\n", "`a/b` is not an interface's name", "line 1, column 11"),
    ("protect: ['interface:abcdefghijklmnop']\n", "`abcdefghijklmnop` is not an", "line 1, column 11"),
    ("protect: ['syscall:Open()']\n", "`Open()` is not a system call's name", "line 1, column 11"),
    // when
    ("when: {windows: []}\n", "missing field `zone`", "line 1, column"),
    ("when: {zone: Mars/Phobos}\n", "`Mars/Phobos` is not a time zone", "line 1, column 14"),
    (
        "when:\n  zone: UTC\n  windows:\n    - {days: [mon..fry], from: '09:00', to: '17:00'}\n",
        "`fry` is not a day of the week",
        "line 4, column 15",
    ),
    ("when: {zone: UTC, windows: [{from: '9', to: '17:00'}]}\n", "`9` is not a time", "line 1, column 36"),
    ("when: {zone: UTC, windows: [{from: '09:60', to: '17:00'}]}\n", "`09:60` is not", "line 1, column 36"),
    ("when: {zone: UTC, windows: [{from: '09:00', to: '24:01'}]}\n", "`24:01` is not", "line 1, column 49"),
    ("when: {zone: UTC, windows: [{from: '09:00'}]}\n", "missing field `to`", "line 1, column"),
    (
        "when:\n  zone: UTC\n  windows:\n    - {from: '09:00', to: '17:00'}\n    - {from: '09:00', to: '09:00'}\n",
        "the window from 09:00 to 09:00 holds no time",
        "line 5, column 7",
    ),
    (
        "when:\n  zone: UTC\n  freezes:\n    - from: 2026-12-20\n      to: 2026-12-19\n",
        "the freeze ends on 2026-12-19, before it begins on 2026-12-20",
        "line 5, column 11",
    ),
    (
        "when: {zone: UTC, freezes: [{from: 2026-02-30, to: 2027-01-01}]}\n",
        "`2026-02-30` is not a date",
        "line 1, column 36",
    ),
    (
        "when: {zone: UTC, freezes: [{from: 20260101, to: 2027-01-01}]}\n",
        "`20260101` is not a date",
        "line 1, column 36",
    ),
    // host
    ("host: {max_load: 5}\n", "unknown field `max_load`", "line 1, column 8"),
    ("host: {max_load_per_cpu: 0}\n", "host.max_load_per_cpu is 0", "line 1, column 26"),
    ("host: {max_load_per_cpu: .nan}\n", "host.max_load_per_cpu is NaN", "line 1, column 26"),
    ("host: {max_cpu_pressure: 0}\n", "0 % would never act", "line 1, column 26"),
    (
        "host: {min_free_disk: 5, disks: [/, var]}\n",
        "host.disks: `var` is not an absolute path",
        "line 1, column 37",
    ),
    // roles
    ("roles:\n  inject: [alice]\n", "`alice` is not an account", "line 2, column 12"),
    ("roles:\n  inject: ['user:no-such-user-here']\n", "this system has no user", "line 2, column 12"),
    ("roles:\n  admin: ['group:no-such-group-here']\n", "this system has no group", "line 2, column 11"),
    ("roles: {root: []}\n", "unknown field `root`", "line 1, column 9"),
    // soft
    ("soft:\n  percent: 21\n", "soft.percent is 21%, above max_percent, which is 20%", "line 2, column 12"),
    ("soft: {ttl: 5m1s}\n", "soft.ttl is 5m1s, above max_ttl, which is 5m", "line 1, column 13"),
    ("soft: {delay: 3s}\n", "soft.delay is 3s, above max_delay", "line 1, column 15"),
    ("soft: {cgroups: 300}\n", "soft.cgroups is 300, above max_cgroups", "line 1, column 17"),
    ("soft: {processes: 5000}\n", "soft.processes is 5000, above max_processes", "line 1, column 19"),
    ("soft: {targets: 1}\n", "unknown field `targets`", "line 1, column 8"),
    // the rest
    ("require: [reason]\n", "unknown variant `reason`", "line 1, column 11"),
    ("abort: ['target.p99>1ms']\n", "`target.p99>1ms` is not an abort condition", "line 1, column 9"),
    ("abort:\n  - target.rtt_p99>250\n", "`250` has no unit", "line 2, column 5"),
];

#[test]
fn says_what_and_where() {
    for (text, message, place) in WRONG {
        let error = parse(text).expect_err(text);
        assert!(error.message.starts_with(message), "{text:?}: {error}");
        assert!(error.message.contains(place), "{text:?}: {error}");
        assert!(!error.message.contains('\n'), "{text:?}: {error}");
    }
}

#[test]
fn an_empty_file_is_no_file_of_comments() {
    for text in ["", "  \n"] {
        assert_eq!(parse(text).unwrap_err().message, "it is empty");
    }
}
