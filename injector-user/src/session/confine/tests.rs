//! What a confined process can and cannot do, tried in a child of the test: nothing of it can be taken back.

use std::{fs, io::Read as _, os::fd::AsFd as _};

use nix::{
    errno::Errno,
    sched::{CloneFlags, setns},
    sys::wait::{WaitStatus, waitpid},
    unistd::{ForkResult, fork, pipe, write},
};

use super::*;

type Tried = Result<(), String>;

/// Runs `tried` in a child with one thread. Fails with what the child says.
#[track_caller]
fn in_child(name: &str, tried: fn() -> Tried) {
    if !nix::unistd::geteuid().is_root() {
        println!("SKIP session::confine::tests::{name}: needs root");
        return;
    }
    let (reader, writer) = pipe().unwrap();
    // SAFETY: the child is alone with its memory, and glibc's allocator and threads work after a fork.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            let said = match std::panic::catch_unwind(tried) {
                Ok(Ok(())) => "ok".to_owned(),
                Ok(Err(wrong)) => wrong,
                Err(_) => "panicked".to_owned(),
            };
            let _told = write(&writer, said.as_bytes());
            // SAFETY: ends this process at once, without the test harness's own end.
            unsafe { libc::_exit(0) }
        }
        ForkResult::Parent { child } => {
            drop(writer);
            let mut said = String::new();
            fs::File::from(reader).read_to_string(&mut said).unwrap();
            assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0), "{said}");
            assert_eq!(said, "ok");
        }
    }
}

fn confined() -> Tried {
    confine().map_err(|error| error.to_string())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: T, must: T) -> Tried {
    if is == must { Ok(()) } else { Err(format!("{what}: {is:?}, not {must:?}")) }
}

/// A field of the calling thread's status.
fn status(key: &str) -> String {
    let text = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap_or("absent").trim().to_owned()
}

fn set(key: &str) -> u64 {
    u64::from_str_radix(&status(key), 16).unwrap_or(u64::MAX)
}

#[test]
fn only_the_needed_capabilities_are_left_and_threads_have_no_more() {
    in_child("only_the_needed_capabilities_are_left_and_threads_have_no_more", || {
        let (permitted, bounding) = (set("CapPrm"), set("CapBnd"));
        confined()?;
        let look = move || {
            same("permitted", set("CapPrm"), permitted & capability::NEEDED)?;
            same("effective", set("CapEff"), permitted & capability::NEEDED)?;
            same("bounding", set("CapBnd"), bounding & capability::NEEDED)?;
            same("inheritable and ambient", (set("CapInh"), set("CapAmb")), (0, 0))?;
            same("NoNewPrivs", status("NoNewPrivs"), "1".into())?;
            same("Seccomp", status("Seccomp"), "2".into())
        };
        look()?;
        // A thread can be made, by whichever call the C library likes.
        std::thread::spawn(look).join().map_err(|_| "the thread died".to_owned())?
    });
}

#[test]
fn every_refused_call_is_refused() {
    in_child("every_refused_call_is_refused", || {
        confined()?;
        for call in filter::REFUSED {
            // Arguments that do no harm should the call come through.
            same(&format!("call {call}"), raw(*call), Some(Errno::EPERM))?;
        }
        // Newer than the list (file_getattr of Linux 6.17, and none), x32's getpid, and clone3.
        let x32 = if cfg!(target_arch = "x86_64") { 0x4000_0000 + libc::SYS_getpid } else { 500 };
        for call in [468, 500, x32, libc::SYS_clone3] {
            same(&format!("call {call}"), raw(call), Some(Errno::ENOSYS))?;
        }
        // SAFETY: the child of this fork, if there is one, ends at once.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => unsafe { libc::_exit(1) },
            other => same("fork", other.err(), Some(Errno::EPERM))?,
        }
        let run = std::process::Command::new("/bin/true").status();
        same("a program", run.err().and_then(|error| error.raw_os_error()), Some(libc::EPERM))
    });
}

fn raw(call: libc::c_long) -> Option<Errno> {
    // SAFETY: -1 is no pointer, descriptor, process or flag of any of these calls.
    let result = unsafe { libc::syscall(call, -1_i64, -1_i64, -1_i64, -1_i64, -1_i64, -1_i64) };
    (result == -1).then(Errno::last)
}

#[test]
fn what_the_daemon_does_still_works() {
    in_child("what_the_daemon_does_still_works", || {
        confined()?;
        let failed = |what: &str| format!("{what}: {}", std::io::Error::last_os_error());
        let own = fs::File::open("/proc/thread-self/ns/net").map_err(|_| failed("ns"))?;
        let enter = |flags| setns(own.as_fd(), flags);
        same("any namespace", enter(CloneFlags::empty()), Err(Errno::EPERM))?;
        same("a mount namespace", enter(CloneFlags::CLONE_NEWNS), Err(Errno::EPERM))?;
        let entered = std::thread::scope(|scope| {
            scope.spawn(|| enter(CloneFlags::CLONE_NEWNET)).join().map_err(|_| failed("thread"))
        })?;
        if set("CapEff") & (1 << 21) != 0 {
            same("a network namespace", entered, Ok(()))?;
        }
        // A process that may do more than we, a file of ours, a socket, and time.
        let parent = nix::unistd::getppid();
        for fact in ["cgroup", "ns/net", "exe", "fd/0"] {
            fs::metadata(format!("/proc/{parent}/{fact}")).map_err(|_| failed(fact))?;
        }
        let directory = tempfile::tempdir().map_err(|_| failed("directory"))?;
        let file = directory.path().join("f");
        fs::write(&file, "x").map_err(|_| failed("write"))?;
        nix::unistd::chown(&file, None, Some(12345.into())).map_err(|errno| format!("chown: {errno}"))?;
        std::net::TcpListener::bind("127.0.0.1:0").map_err(|_| failed("listen"))?;
        std::thread::sleep(Duration::from_millis(1));
        nix::unistd::Group::from_name("nobody-has-this-name").map_err(|errno| format!("group: {errno}"))?;
        Ok(())
    });
}

/// bpf(2) with these words as its attributes. Gives a descriptor or 0.
fn bpf(command: libc::c_int, mut attributes: [u32; 32]) -> Result<libc::c_long, Errno> {
    // SAFETY: the attributes outlive the call, as does what they point to.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_mut_ptr(), size_of_val(&attributes)) };
    if result < 0 { Err(Errno::last()) } else { Ok(result) }
}

#[test]
fn programs_maps_and_qdiscs_can_still_be_made() {
    in_child("programs_maps_and_qdiscs_can_still_be_made", || {
        nix::sched::unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| format!("unshare: {errno}"))?;
        confined()?;
        let tried = |what: &str, result: Result<libc::c_long, Errno>| {
            result.map(|_| ()).map_err(|errno| format!("{what}: {errno}"))
        };
        // linux/bpf.h: an array of one word; `r0 = 1; exit` as the kinds that are loaded when a fault needs them.
        let mut map = [0; 32];
        map[..4].copy_from_slice(&[2, 4, 4, 1]);
        tried("BPF_MAP_CREATE", bpf(0, map))?;
        let code: [u64; 2] = [0x0000_0001_0000_00b7, 0x95];
        let licence = c"GPL";
        for (kind, name) in [(2, "kprobe"), (3, "sched_cls"), (8, "cgroup_skb")] {
            let mut program = [0; 32];
            let halves = |address: usize| [address as u32, (address as u64 >> 32) as u32];
            program[..2].copy_from_slice(&[kind, 2]);
            program[2..4].copy_from_slice(&halves(code.as_ptr() as usize));
            program[4..6].copy_from_slice(&halves(licence.as_ptr() as usize));
            tried(name, bpf(5, program))?;
        }
        tried("BPF_MAP_GET_NEXT_ID", bpf(12, [0; 32]))?;
        let own = crate::kernel::net::Netns::current().map_err(|error| format!("{error:#}"))?;
        let made = crate::kernel::net::Rtnl::open(&own).and_then(|mut rtnl| rtnl.ensure_clsact(1));
        same("clsact", made.map_err(|error| format!("{error:#}")), Ok(true))
    });
}

#[test]
fn a_second_thread_is_an_error() {
    in_child("a_second_thread_is_an_error", || {
        std::thread::spawn(|| std::thread::sleep(Duration::from_secs(60)));
        same("alone", confine().is_err(), true)?;
        same("and nothing was done", status("NoNewPrivs"), "0".into())
    });
}

#[test]
fn the_unit_starts_it_with_what_it_keeps() {
    let unit = include_str!("../../../../scripts/injector.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet="));
    assert_eq!(line, Some(capability::names(capability::NEEDED).as_str()));
}

#[test]
fn sets_have_names() {
    assert_eq!(capability::names(0), "none");
    assert_eq!(capability::names(1 | 1 << 40 | 1 << 41), "CAP_CHOWN CAP_CHECKPOINT_RESTORE capability 41");
}
