//! The command line as a person meets it: no root and no daemon needed.

#[path = "cli/audit.rs"]
mod audit;
#[path = "cli/fake.rs"]
mod fake;
#[path = "cli/flows.rs"]
mod flows;
#[path = "cli/foreground.rs"]
mod foreground;
#[path = "cli/profile.rs"]
mod profile;
#[path = "cli/report.rs"]
mod report;
#[path = "cli/top.rs"]
mod top;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

const VERBS: [&[&str]; 47] = [
    &[],
    &["daemon"],
    &["doctor"],
    &["drop"],
    &["delay"],
    &["corrupt"],
    &["garble"],
    &["duplicate"],
    &["reorder"],
    &["rate"],
    &["partition"],
    &["blackhole"],
    &["reset"],
    &["refuse"],
    &["dns"],
    &["fail"],
    &["plan"],
    &["plan", "drop"],
    &["plan", "delay"],
    &["plan", "corrupt"],
    &["plan", "garble"],
    &["plan", "duplicate"],
    &["plan", "reorder"],
    &["plan", "rate"],
    &["plan", "partition"],
    &["plan", "blackhole"],
    &["plan", "reset"],
    &["plan", "refuse"],
    &["plan", "dns"],
    &["plan", "fail"],
    &["profile"],
    &["profile", "list"],
    &["profile", "show"],
    &["profile", "run"],
    &["status"],
    &["report"],
    &["stop"],
    &["halt"],
    &["clean"],
    &["flows"],
    &["top"],
    &["deps"],
    &["saturation"],
    &["events"],
    &["audit"],
    &["audit", "verify"],
    &["audit", "show"],
];

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_injector"));
    command.args(words).stdin(Stdio::null()).env_remove("COLUMNS");
    command
}

fn injector(words: &[&str]) -> Output {
    command(words).output().unwrap()
}

/// Exit code and stderr.
fn ending(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

/// A socket that nobody listens on, in a directory that nobody else uses.
fn nowhere() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("none.sock").display().to_string();
    (directory, socket)
}

#[test]
fn help_is_as_published() {
    let mut all = String::new();
    for verb in VERBS {
        let output = injector(&[verb, &["--help"]].concat());
        assert_eq!(output.status.code(), Some(0), "{verb:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        all += &format!("$ {} --help\n{}\n\n", [&["injector"], verb].concat().join(" "), text.trim_end());
    }
    let golden: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/help.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &all).unwrap();
    }
    let published = std::fs::read_to_string(&golden).unwrap();
    assert!(all == published, "help has changed; see it with UPDATE_GOLDEN=1 and git diff");
}

#[test]
fn bad_input_is_a_usage_error_that_says_what_would_be_right() {
    let cases: [(&str, &str, &str); 104] = [
        ("drop --target unit:x", "a drop needs a frequency", "--percent 5"),
        ("report ../x", "not a fault's ID", "drop-7k3"),
        ("drop --percent 5", "a drop needs a target", "--target"),
        ("drop --percent 0 --target unit:x", "would never act", "between 0.0001 and 100"),
        ("drop --percent 150 --target unit:x", "more than all", "between 0.0001 and 100"),
        ("drop --percent -5 --target unit:x", "`-5` is not a percent", "such as 5"),
        ("drop --percent 0.00001 --target unit:x", "more than 4 decimals", "0.0001"),
        ("drop --percent five --target unit:x", "not a percent", "such as 5"),
        ("drop --percent 5 --target nginx", "--target: `nginx` is not a target", "cgroup:/PATH"),
        ("drop --percent 5 --target cgroup:app", "not absolute", "/app"),
        ("drop --percent 5 --target cgroup:/sys/fs/cgroup/app", "path of the file system", "cgroup:/app"),
        ("drop --percent 5 --target unit:x --for 30", "--for: `30` has no unit", "30s"),
        ("drop --percent 5 --target unit:x --for 0s", "would never act", "30s"),
        ("drop --percent 5 --target unit:x --duration soon", "not a duration", "500us"),
        ("drop --percent 5 --target unit:x --peer 10.0.0.5/8", "10.0.0.5/8", "10.0.0.0/8"),
        ("drop --percent 5 --target unit:x --to 5432", "not a peer", ":5432"),
        ("drop --percent 5 --target unit:x --peer 1.2.3.4:0", "--peer: `0` is not a port", "65535"),
        (
            "drop --percent 5 --target unit:x --peer db..x",
            "--peer: `db..x` is not a host name",
            "db.internal",
        ),
        ("drop --percent 5 --target unit:x --peer :90-80", "90-80 are turned round", "80-90"),
        ("drop --percent 5 --target unit:x --peer :80 --peer a:81", "port 80 and port 81", "two faults"),
        ("drop --percent 5 --target unit:x --except :80 --except :81", "excepted has port 80", "one range"),
        ("drop --percent 5 --target unit:x --local-port -1", "--local-port: `-1` is not a port", "65535"),
        ("drop --percent 5 --target unit:x --protocol gre", "not a protocol", "tcp, udp or icmp"),
        ("drop --percent 5 --target unit:x --interface a/b", "not an interface's name", "ip link"),
        ("drop --percent 5 --every 3 --target unit:x", "`percent` and `every`", "leave out"),
        ("drop --bursts 1 --target unit:x", "--bursts: `1` is not a burst model", "1%,30%"),
        ("drop --flows 20 --ramp 1%..20%/60s --target unit:x", "no share to raise", "percent"),
        ("drop --percent 5 --target unit:x --local-error --direction both", "can't come both", "direction"),
        ("drop --percent 5 --target unit:x --direction up", "`up` is not a direction", "egress"),
        ("drop --percent 5 --target unit:x --name Drop_1", "not a fault's name", "a-z"),
        ("drop --percent 5 --target unit:x --budget many", "--budget: `many` is not a count", "1000"),
        ("drop --percent 5 --target unit:x --budget 0", "budget of 0", "1 or more"),
        ("delay --target unit:x", "how much later", "--by 80ms"),
        ("delay --by 80 --target unit:x", "--by: `80` has no unit", "80ms"),
        ("delay --by 0ms --target unit:x", "changes nothing", "80ms"),
        ("delay --latency 10ms --jitter 20ms --target unit:x", "jitter 20ms is more", "10ms"),
        ("delay --by 10ms --correlation 25 --target unit:x", "correlation needs jitter", "20ms"),
        ("delay --by 10ms --distribution normal --target unit:x", "distribution needs jitter", "20ms"),
        ("delay --by 10ms --rate 2mbps --target unit:x", "--rate: `2mbps` is bytes a second", "10mbit"),
        ("delay --measured /nowhere --target unit:x", "--measured: /nowhere can't be read", "12ms"),
        ("delay --measured /dev/null --target unit:x", "--measured: 0 measured latencies", "10 to 10000"),
        ("corrupt --every 1 --target unit:x", "every 1st packet is all", "percent 100"),
        ("garble --target unit:x", "a garble needs a frequency", "--percent 5"),
        ("duplicate --first 0 --target unit:x", "--first: `0` would never act", "1 or more"),
        ("reorder --percent 5 --by 0ms --target unit:x", "changes nothing", "10ms"),
        ("rate --target unit:x", "how much", "--rate 10mbit"),
        ("rate --rate 0mbit --target unit:x", "--rate: a rate of 0", "partition"),
        ("rate --rate 10mbps --target unit:x", "bytes a second for tc", "10mbit"),
        ("rate --rate 10mbit --queue 5 --target unit:x", "--queue: `5` has no unit", "5KiB"),
        ("rate --rate 1mbit --per-flow --burst 9KiB --target unit:x", "per flow has no burst", "leave out"),
        ("partition --target unit:x --peer any..where", "not a host name", "db.internal"),
        ("blackhole --protocol udp --target unit:x", "can't act on udp", "TCP"),
        ("reset --percent 5 --protocol icmp --target unit:x", "can't act on icmp", "TCP"),
        ("refuse --target unit:x", "a frequency or `above`", "percent"),
        ("refuse --percent 5 --above 9 --target unit:x", "both a frequency and `above`", "leave out one"),
        ("refuse --above 9 --established --target unit:x", "established connections", "new ones"),
        ("dns --answer lost --percent 5 --target unit:x", "which names", "*.example.com"),
        ("dns a.example --percent 5 --target unit:x", "needs an answer", "nxdomain"),
        ("dns a.example --answer no --percent 5 --target unit:x", "`no` is not an answer", "servfail"),
        ("dns a.example --answer delayed --percent 5 --target unit:x", "needs `by`", "2s"),
        ("dns a.* --answer lost --percent 5 --target unit:x", "NAME: `a.*` is not a pattern", "beginning"),
        ("dns a b --answer lost --percent 5 --target unit:x", "one pattern", "each"),
        ("fail --errno EIO --percent 5 --target unit:x", "needs a system call", "open"),
        ("fail open --percent 5 --target unit:x", "needs an errno", "EIO"),
        ("fail open --errno EIO --target unit:x", "needs a frequency", "--percent"),
        ("fail open --errno EIOO --percent 5 --target unit:x", "`EIOO` is not an errno", "EIO"),
        ("fail open --errno ERESTARTSYS --percent 5 --target unit:x", "ERESTARTSYS can't be injected", "512"),
        ("fail open --errno EINTR --percent 100 --target unit:x", "is no end", "50 % or less"),
        ("fail @dsik --errno EIO --percent 5 --target unit:x", "there is no group `@dsik`", "@disk"),
        ("fail read --short 5 --percent 5 --target unit:x", "5 bytes short", "only 0"),
        ("fail open --short 0 --percent 5 --target unit:x", "0 from open", "write an errno"),
        ("fail open --errno EIO --short 0 --percent 5 --target unit:x", "`errno` and `short`", "leave out"),
        ("fail open --outcome EIO=7,EIO=3 --percent 5 --target unit:x", "comes twice", "the sum"),
        ("fail open --errno EIO --after 2 --first 2 --target unit:x", "`first` and `after`", "leave out"),
        ("fail open --errno EIO --every 2 --seed 2 --target unit:x", "a seed repeats", "percent or bursts"),
        (
            "fail open --errno EIO --percent 100 --path /usr --target unit:x",
            "dynamic loader's",
            "less than 100",
        ),
        ("fail open --errno -5 --percent 5 --target unit:x", "is a number", "EIO"),
        ("fail fsnc --errno EIO --percent 5 --target unit:x", "no system call `fsnc`", "did you mean fsync"),
        (
            "fail exit_group --errno EIO --percent 5 --target unit:x",
            "exit_group can't be failed",
            "name a call",
        ),
        ("fail openat --errno EIO --percent 5 --target unit:x", "for the same thing", "--exact"),
        ("fail fsync --errno EIO --percent 5 --target unit:x --path /a", "by path", "--fd-path"),
        ("fail open --errno EIO --percent 5 --target unit:x --fd-path /a", "by descriptor", "--path"),
        (
            "fail read --errno EIO --percent 5 --target unit:x --fd epoll",
            "nothing that a descriptor",
            "socket",
        ),
        ("fail open --errno EIO --percent 5 --target unit:x --peer 10.0.0.1", "by peer", "connect"),
        ("fail getrandom --errno EIO --percent 5 --target unit:x --path /a", "by path", "leave out the path"),
        ("fail open --errno EIO --percent 5 --target unit:x --path /a/**/b", "holds `**`", "at its end"),
        (
            "fail openat --exact --errno EIO --percent 5 --target unit:x --arg 9=1",
            "names no argument",
            "0 to 5",
        ),
        ("fail open --errno EIO --percent 5 --target unit:x --arg 2&O_SYNC", "another argument", "--exact"),
        (
            "fail fsync --errno EIO --percent 5 --target unit:x --comm sixteen-letters-",
            "has 16 bytes",
            "sixteen-letters",
        ),
        ("fail fsync --errno EIO --percent 5 --target unit:x --uid nobody-at-all", "no user", "getent"),
        ("fail fsync --errno EIO --every 3 --first 2 --target unit:x", "`every` and `first`", "leave out"),
        ("fail open --errno EIO --percent 5 --target unit:x --path etc", "not absolute", "/etc"),
        ("flows --sort p9", "no `p9` to sort by", "did you mean p9"),
        ("flows --peer any..where", "not a host name", "db.internal"),
        ("flows --top -1", "--top: `-1` is not a number of rows", "1 or more"),
        ("stop", "which fault", "--all"),
        ("profile show", "which profile", "profile list"),
        ("profile run --target unit:x", "which profile", "profile list"),
        ("profile run satelite --target unit:x", "no profile `satelite`", "perhaps satellite"),
        ("profile run satellite", "a profile needs a target", "--target"),
        (
            "profile run satellite --target unit:x --peer a..b",
            "--peer: `a..b` is not a host name",
            "db.internal",
        ),
        ("profile run flaky-dns --target unit:x --peer :80", "a dns can't act on port 80", "port 53"),
        (
            "profile run 3g --target unit:x --name 0123456789-123456789-123456789-1",
            "not a fault's name",
            "32",
        ),
        ("plan drop --percent 101 --target unit:x", "more than all", "between"),
    ];
    let (_directory, socket) = nowhere();
    for (line, says, hint) in cases {
        let words: Vec<&str> = line.split(' ').chain(["--socket", &socket]).collect();
        let (code, text) = ending(&injector(&words));
        assert_eq!(code, 2, "{line}: {text}");
        assert!(text.contains(says) && text.contains(hint), "{line}: {text}");

        let output = injector(&[&words[..], &["--json"]].concat());
        let (code, text) = ending(&output);
        let document: serde_json::Value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{line}: {text}"));
        assert_eq!((code, document["kind"].as_str()), (2, Some("usage")), "{line}");
        assert_eq!(document["schema"], "injector.error/1");
        assert!(document["message"].as_str().unwrap().contains(says), "{line}: {text}");
        assert!(output.stdout.is_empty(), "{line}");
    }
}

#[test]
fn what_clap_refuses_is_an_error_of_ours() {
    let cases: [(&[&str], &str); 8] = [
        (&[], "verb is missing"),
        (&["explode"], "explode"),
        (&["drop", "--percnt", "5"], "--percnt"),
        (&["drop", "--percent"], "--percent"),
        (&["drop", "--detach", "--dry-run"], "--dry-run"),
        (&["stop", "drop-7k3", "--all"], "--all"),
        (&["fail", "open", "read"], "read"),
        (&["fail", "open", "--local-port", "80"], "--local-port"),
    ];
    for (words, says) in cases {
        let (code, text) = ending(&injector(words));
        assert_eq!(code, 2, "{words:?}: {text}");
        assert!(
            text.starts_with("injector: ") && text.contains("hint: ") && text.contains(says),
            "{words:?}: {text}"
        );
        let (code, text) = ending(&injector(&[words, &["--json"]].concat()));
        let document: serde_json::Value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{words:?}: {text}"));
        assert_eq!((code, document["kind"].as_str()), (2, Some("usage")));
    }
}

#[test]
fn a_dead_daemon_is_exit_3_and_says_how_to_start_it() {
    let (_directory, socket) = nowhere();
    let lines = [
        "drop --percent 5 --target unit:x",
        "drop --percent 5 --target unit:x --detach",
        "drop --percent 5 --target unit:x --dry-run",
        "plan delay --by 80ms --target unit:x",
        "status",
        "status drop-7k3",
        "stop drop-7k3",
        "flows",
        "flows --watch --target cgroup:/x",
        "deps --sort errors --top 3",
        "deps --watch",
        "saturation",
        "saturation --watch --target cgroup:/x",
        "events",
        "events --watch",
    ];
    for line in lines {
        let words: Vec<&str> = line.split(' ').chain(["--socket", &socket]).collect();
        let (code, text) = ending(&injector(&words));
        assert_eq!(code, 3, "{line}: {text}");
        assert!(text.contains(&socket) && text.contains("sudo injector daemon"), "{line}: {text}");
        let (code, text) = ending(&injector(&[&words[..], &["--json"]].concat()));
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((code, document["kind"].as_str()), (3, Some("unreachable")), "{line}");
    }
}

#[test]
fn ids_that_are_none_are_refused_before_they_are_sent() {
    let (_directory, socket) = nowhere();
    for id in ["", " ", "a/b", ".."] {
        for verb in ["status", "stop"] {
            let (code, text) = ending(&injector(&[verb, id, "--socket", &socket]));
            assert_eq!(code, 2, "{verb} {id:?}: {text}");
        }
    }
}

#[test]
fn a_configuration_that_is_wrong_says_where() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    std::fs::write(&path, "lease: 2s\nsokcet: /x\n").unwrap();
    let (code, text) = ending(&injector(&["status", "--config", path.to_str().unwrap()]));
    assert!(code == 2 && text.contains("sokcet") && text.contains("line 2"), "{code}: {text}");
    let (code, text) = ending(&injector(&["status", "--config", "/nowhere/config.yaml"]));
    assert!(code == 2 && text.contains("/nowhere/config.yaml"), "{code}: {text}");
    std::fs::write(&path, format!("socket: {}/s\n", directory.path().display())).unwrap();
    let (code, text) = ending(&injector(&["status", "--config", path.to_str().unwrap()]));
    assert!(code == 3 && text.contains("/s"), "the configuration's socket is used: {text}");
}

#[test]
fn nobody_who_reads_is_no_failure() {
    // A pipe whose reader is gone: every write is a broken pipe.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command(&["--help"]).stdout(writer).output().unwrap();
    let (code, text) = ending(&output);
    assert_eq!((code, text.as_str()), (0, ""));
    // Nor is a closed stderr, and the exit code stays.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(command(&["stop"]).stderr(writer).status().unwrap().code(), Some(2));
}

#[test]
fn arguments_that_are_no_text_are_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let odd = std::ffi::OsStr::from_bytes(b"\xff");
    for words in [&["status"][..], &["drop", "--percent"], &[]] {
        let (code, text) = ending(&command(words).arg(odd).output().unwrap());
        assert!(code == 2 && text.starts_with("injector: "), "{words:?}: {code} {text}");
    }
}

#[test]
fn version_is_printed() {
    let output = injector(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("injector "));
}
