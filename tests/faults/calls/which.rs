//! Of the target's calls only those that are meant fail: by who calls, by arguments, by path.

use std::{ffi::CString, fs::OpenOptions, os::unix::fs::OpenOptionsExt as _};

use super::{slate::Slate, world};
use crate::support::{World, lacks};

/// What is tried: flags of a fault, a call that they mean, and one that they don't mean.
pub struct Case {
    pub fault: String,
    pub hit: Box<dyn Fn() -> i32>,
    pub miss: Box<dyn Fn() -> i32>,
}

impl Case {
    pub fn new(
        fault: &str,
        hit: impl Fn() -> i32 + Clone + 'static,
        miss: impl Fn() -> i32 + 'static,
    ) -> Self {
        Self { fault: fault.to_owned(), hit: Box::new(hit), miss: Box::new(miss) }
    }
}

/// Each case has an error of its own, so that it is seen which fault did it. None of these calls returns one of them.
const ERRORS: [(&str, i32); 12] = [
    ("EDQUOT", libc::EDQUOT),
    ("ENOMEDIUM", libc::ENOMEDIUM),
    ("EMEDIUMTYPE", libc::EMEDIUMTYPE),
    ("EKEYEXPIRED", libc::EKEYEXPIRED),
    ("EKEYREVOKED", libc::EKEYREVOKED),
    ("EKEYREJECTED", libc::EKEYREJECTED),
    ("EREMOTEIO", libc::EREMOTEIO),
    ("ENOTNAM", libc::ENOTNAM),
    ("ENAVAIL", libc::ENAVAIL),
    ("EUCLEAN", libc::EUCLEAN),
    ("ECOMM", libc::ECOMM),
    ("ESRMNT", libc::ESRMNT),
];

/// All faults are there at once. In the victim the call that is meant fails and the other one doesn't; in the control
/// neither does.
pub fn tell_apart(world: &World, cases: impl Fn() -> Vec<Case>) {
    let serve = |slate: Slate| {
        let cases = &cases;
        move || {
            let calls: Vec<_> = cases().into_iter().flat_map(|case| [case.hit, case.miss]).collect();
            slate.serve(&calls);
            String::new()
        }
    };
    let (victims, controls) = (Slate::new(), Slate::new());
    let (victim, control) = (world.in_victim(serve(victims)), world.in_control(serve(controls)));
    let faults: Vec<String> = cases().into_iter().map(|case| case.fault).collect();
    assert!(faults.len() <= ERRORS.len());
    let arm = |(fault, (name, _)): (&String, &(&str, i32))| {
        world
            .daemon
            .arm(&format!("fail {fault} --errno {name} --percent 100 --target {} --for 2m", world.target()))
    };
    let ids: Vec<String> = faults.iter().zip(&ERRORS).map(arm).collect();
    let mut wrong = Vec::new();
    for (index, ((fault, id), (name, errno))) in faults.iter().zip(&ids).zip(ERRORS).enumerate() {
        let (hit, miss) = (victims.ask(2 * index), victims.ask(2 * index + 1));
        let (same, other) = (controls.ask(2 * index), controls.ask(2 * index + 1));
        let acted = world.daemon.counter(id, "acted");
        let is_ours = |error: i32| ERRORS.iter().any(|(_, ours)| *ours == error);
        let fine = hit == errno && acted == 1 && ![miss, same, other].into_iter().any(is_ours);
        let verdict = if fine { "ok" } else { "WRONG" };
        println!(
            "| {fault} | {name} {errno}: meant {hit}, not meant {miss} | control {same}, {other} | acted {acted} | {verdict} |"
        );
        if !fine {
            wrong.push(fault);
        }
    }
    victims.end();
    controls.end();
    victim.join();
    control.join();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// What a call came to.
pub fn errno(result: libc::c_long) -> i32 {
    if result == -1 { std::io::Error::last_os_error().raw_os_error().unwrap() } else { 0 }
}

fn seek(offset: i64) -> i32 {
    // SAFETY: there is no such descriptor.
    errno(unsafe { libc::syscall(libc::SYS_lseek, -100_i32, offset, libc::SEEK_SET) })
}

/// In a thread with this name.
fn named(name: &str, call: impl FnOnce() -> i32 + Send + 'static) -> i32 {
    std::thread::Builder::new().name(name.to_owned()).spawn(call).unwrap().join().unwrap()
}

/// In a thread with this real user id, and no privilege that matters here.
fn as_user(uid: u32, call: fn() -> i32) -> i32 {
    named("user", move || {
        // SAFETY: the call itself, unlike the C library's function, is for this thread alone.
        assert_eq!(unsafe { libc::syscall(libc::SYS_setresuid, uid, -1, -1) }, 0);
        call()
    })
}

/// In a process of its own with this name, in a thread with another one.
fn within(process: &'static str, call: fn() -> i32) -> i32 {
    // SAFETY: this process has one thread at a time.
    match unsafe { libc::fork() } {
        0 => {
            let name = CString::new(process).unwrap();
            // SAFETY: a name of less than 16 bytes.
            unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
            let came = named("hand", call);
            // SAFETY: ends the child.
            unsafe { libc::_exit(came) }
        }
        pid => {
            let mut status = 0;
            // SAFETY: our own child.
            assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
            libc::WEXITSTATUS(status)
        }
    }
}

#[test]
fn who_calls_and_with_what() {
    let Some(world) = world("who_calls_and_with_what") else { return };
    tell_apart(&world, || {
        vec![
            Case::new("lseek --comm writer", || named("writer", || seek(0)), || named("writers", || seek(0))),
            Case::new("lseek --process boss", || within("boss", || seek(0)), || named("boss", || seek(0))),
            Case::new("lseek --uid 4242", || as_user(4242, || seek(0)), || as_user(4243, || seek(0))),
            Case::new("lseek --arg 1=77", || seek(77), || seek(76)),
            Case::new("lseek --arg 1>0x1000 --arg 1<0x1002", || seek(0x1001), || seek(0x1002)),
            Case::new("lseek --arg 1&0x50000", || seek(0x70000), || seek(0x40000)),
            Case::new("lseek --arg 0=-100 --arg 1=0o10", || seek(8), || seek(10)),
            Case::new(
                "lseek --arg 2=SEEK_END",
                || errno(unsafe { libc::syscall(libc::SYS_lseek, -100_i32, 0, libc::SEEK_END) }),
                || errno(unsafe { libc::syscall(libc::SYS_lseek, -100_i32, 0, libc::SEEK_CUR) }),
            ),
        ]
    });
}

fn unlink(path: &str) -> i32 {
    let path = CString::new(path).unwrap();
    // SAFETY: a path.
    errno(unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path.as_ptr(), 0) })
}

fn rename(from: &str, to: &str) -> i32 {
    let (from, to) = (CString::new(from).unwrap(), CString::new(to).unwrap());
    let at = libc::AT_FDCWD;
    // SAFETY: paths.
    errno(unsafe { libc::syscall(libc::SYS_renameat2, at, from.as_ptr(), at, to.as_ptr(), 0) })
}

/// None of these files is there: at the entry it makes no difference.
#[test]
fn by_typed_path() {
    let Some(world) = world("by_typed_path") else { return };
    tell_apart(&world, || {
        let unlinks = |path: &'static str| move || unlink(path);
        vec![
            Case::new("unlinkat --exact --path /inj/sub", unlinks("/inj/sub/x"), unlinks("/inj/subway/x")),
            Case::new("unlinkat --exact --path /inj/all/**", unlinks("/inj/all"), unlinks("/inj/al")),
            Case::new("unlinkat --exact --path /inj/*.log", unlinks("/inj/a.log"), unlinks("/inj/d/a.log")),
            Case::new(
                "unlinkat --exact --path /inj/*.l?g.*",
                unlinks("/inj/a.l.lxg.gz"),
                unlinks("/inj/a.lg.gz"),
            ),
            Case::new(
                "unlinkat --exact --path /inj/?/x*z/**",
                unlinks("/inj/q/xyz/a/b"),
                unlinks("/inj/q/xyzz0/a"),
            ),
            Case::new("unlinkat --exact --path /inj/?/end*", unlinks("/inj/q/end"), unlinks("/inj/q/end/a")),
            Case::new(
                "renameat2 --exact --path /inj/from",
                || rename("/inj/from", "/inj/2"),
                || rename("/inj/1", "/inj/2"),
            ),
            Case::new(
                "renameat2 --exact --path /inj/to",
                || rename("/inj/1", "/inj/to/x"),
                || rename("/inj/1", "/inj/tox"),
            ),
        ]
    });
}

/// Relative paths and those that would take too long to compare are let through, and counted.
#[test]
fn what_cannot_be_told_is_counted() {
    let Some(world) = world("what_cannot_be_told_is_counted") else { return };
    let arm = |path: &str| {
        let fault = format!("fail unlinkat --exact --path {path} --errno EDQUOT --percent 100");
        world.daemon.arm(&format!("{fault} --target {} --for 1m", world.target()))
    };
    let ids = [arm("/inj/none"), arm("/inj/*aaaaaaaab")];
    let unreadable = || ids.each_ref().map(|id| world.daemon.counter(id, "unreadable"));
    let of_victim = |path: String| world.in_victim(move || unlink(&path).to_string()).join();
    let none = libc::ENOENT.to_string();
    assert_eq!(of_victim("inj/none".to_owned()), none);
    assert_eq!(unreadable(), [1, 0], "counted with the first of those that ask for a path");
    assert_eq!(of_victim(format!("/inj/{}", "a".repeat(200))), none);
    assert_eq!(unreadable(), [2, 0]);
    assert_eq!(of_victim(format!("/inj/{}b", "a".repeat(40))), libc::EDQUOT.to_string());
    assert_eq!(unreadable(), [2, 0]);
}

/// Where the kernel has the LSM hook, by the path that the file really has.
#[test]
fn opens_by_path_and_flags() {
    let test = "opens_by_path_and_flags";
    let world = World::lent();
    if lacks(test, &world.daemon, "fail open") {
        return;
    }
    const PLACE: &str = "/tmp/injector-which-test";
    std::fs::create_dir_all(format!("{PLACE}/d")).unwrap();
    for name in ["a.log", "b.txt", "d/c.log"] {
        std::fs::write(format!("{PLACE}/{name}"), "x").unwrap();
    }
    let open = |name: &'static str, flags: i32| {
        move || {
            let mut options = OpenOptions::new();
            let opened = options.read(true).custom_flags(flags).open(format!("{PLACE}/{name}"));
            opened.err().map_or(0, |error| error.raw_os_error().unwrap())
        }
    };
    tell_apart(&world, || {
        vec![
            Case::new(&format!("open --path {PLACE}/*.log"), open("a.log", 0), open("d/c.log", 0)),
            Case::new(
                &format!("open --path {PLACE}/?/** --comm reader"),
                move || named("reader", open("d/c.log", 0)),
                move || named("other", open("d/c.log", 0)),
            ),
            Case::new(
                &format!("openat --exact --path {PLACE}/*.txt --arg 2&O_SYNC"),
                open("b.txt", libc::O_SYNC),
                open("b.txt", libc::O_DSYNC),
            ),
        ]
    });
    std::fs::remove_dir_all(PLACE).unwrap();
}
