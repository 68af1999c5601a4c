//! Faults of calls that are refused.

use super::faults::{read, says};

#[test]
fn of_calls() {
    const FAIL: &str = r#""syscall":"open","errno":"EIO","percent":5"#;
    for (rest, message) in [
        (String::new(), "a fail needs `syscall`"),
        (
            r#""syscall":"fsnyc","errno":"EIO","percent":5"#.into(),
            "there is no system call `fsnyc` (did you mean fsync",
        ),
        (r#""syscall":"@dsik","errno":"EIO","percent":5"#.into(), "there is no group `@dsik` (write @disk, "),
        (
            r#""syscall":"@disk","exact":true,"errno":"EIO","percent":5"#.into(),
            "@disk is many calls (leave out --exact",
        ),
        (r#""syscall":"open","percent":5"#.into(), "a fail needs `errno`"),
        (r#""syscall":"open","errno":"EIO""#.into(), "a fail needs `percent` (nothing"),
        (r#""syscall":"open","errno":"EIO","flows":5"#.into(), "`flows` does not belong to a fail"),
        (
            format!(r#"{FAIL},"peer":":80""#),
            "open can't be told apart by peer: it has none (leave it out: only calls on sockets have one",
        ),
        (format!(r#"{FAIL},"except":":80""#), "open can't be told apart by peer: it has none"),
        (
            format!(r#"{FAIL},"fd":"file""#),
            "open can't be told apart by descriptor: it has none (it has a path: --path",
        ),
        (
            r#""syscall":"fsync","errno":"EIO","percent":5,"path":"/a""#.into(),
            "fsync can't be told apart by path: it has none (its descriptor is of a file: --fd-path",
        ),
        (
            r#""syscall":"fsync","errno":"EIO","percent":5,"peer":":80""#.into(),
            "fsync can't be told apart by peer: it has none",
        ),
        (
            r#""syscall":"stat","errno":"EIO","percent":5,"path":"/a","fd_path":"/b""#.into(),
            "a fail can't have both a path and an fd_path",
        ),
        (format!(r#"{FAIL},"local_port":80"#), "`local_port` does not belong to a fail"),
        (format!(r#"{FAIL},"protocol":"tcp""#), "`protocol` does not belong to a fail"),
        (format!(r#"{FAIL},"connections":"new""#), "`connections` does not belong to a fail"),
        (format!(r#"{FAIL},"interface":"lo""#), "`interface` does not belong to a fail"),
    ] {
        says("fail", &rest, message);
    }
}

#[test]
fn of_how_often() {
    for (rest, message) in [
        (r#""first":3,"after":3"#, "`first` and `after` can't both say how often"),
        (r#""percent":3,"per_second":3"#, "`percent` and `per_second` can't both say how often"),
        (r#""per_second":0"#, "`0` would never act"),
        (r#""per_second":1000001"#, "per_second 1000001 is out of range (it is 1 to 1000000)"),
        (r#""after":0"#, "`0` would never act"),
        (r#""every":10,"seed":7"#, "a seed repeats what chance decides, and here it decides nothing"),
        (r#""percent":10,"seed":0"#, "`0` would never act"),
    ] {
        says("fail", &format!(r#""syscall":"open","errno":"EIO",{rest}"#), message);
    }
    says("drop", r#""after":3"#, "`after` does not belong to a drop");
    says("drop", r#""percent":3,"seed":3"#, "`seed` does not belong to a drop");
}

#[test]
fn of_what_it_returns() {
    for (rest, message) in [
        (r#""outcome":"EIO=70,ENOSPC=30","errno":"EIO""#, "`errno` and `outcome` can't both say what"),
        (r#""outcome":"EIO=70""#, "one outcome is no choice (write errno EIO)"),
        (r#""outcome":"EIO,ENOSPC=30""#, "the outcome `EIO` has no weight"),
        (r#""outcome":"EIO=70,EIO=30""#, "the outcome EIO comes twice"),
        (r#""outcome":"EIO=70,ENOSPC=0""#, "`0` would never act"),
        (r#""outcome":"EIO=70,512=1""#, "the errno `512` is a number"),
        (r#""outcome":"EIO=1,ENOSPC=1,EPERM=1,EBADF=1,EINVAL=1""#, "5 outcomes are too many (at most 4"),
        (r#""short":5"#, "a call can't be made 5 bytes short"),
        (r#""short":-5"#, "`-5` is not a number of bytes"),
        (r#""short":0"#, "0 from fsync does not mean that it did nothing"),
    ] {
        says("fail", &format!(r#""syscall":"fsync","percent":5,{rest}"#), message);
    }
    read("fail", r#""syscall":"pread64","exact":true,"percent":5,"short":0"#).unwrap();
}

/// What a target would never come out of.
#[test]
fn of_what_has_no_end() {
    for (rest, message) in [
        (r#""errno":"EINTR","percent":100"#, "EINTR for more than 50 % is no end (programs repeat"),
        (r#""errno":"EINTR","after":10"#, "EINTR for more than 50 % is no end"),
        (r#""outcome":"EIO=1,EINTR=1","percent":51"#, "EINTR for more than 50 % is no end"),
        (r#""errno":"EIO","percent":100,"path":"/usr""#, "the dynamic loader's files are below /usr"),
        (r#""errno":"EIO","after":9,"path":"/lib64""#, "the dynamic loader's files are below /lib64"),
        (
            r#""errno":"EIO","percent":100,"path":"/usr/lib/x86_64-linux-gnu/libc.so.6""#,
            "the dynamic loader's files are below",
        ),
    ] {
        says("fail", &format!(r#""syscall":"open",{rest}"#), message);
    }
    for rest in [
        r#""errno":"EINTR","percent":50"#,
        r#""errno":"EINTR","first":10"#,
        r#""errno":"EIO","percent":99,"path":"/usr""#,
        r#""errno":"EIO","first":5,"path":"/usr/lib""#,
        r#""errno":"EIO","percent":100,"path":"/usr/library""#,
        r#""errno":"EIO","percent":100,"path":"/usr/lib/postgresql""#,
    ] {
        read("fail", &format!(r#""syscall":"open",{rest}"#)).unwrap();
    }
}
