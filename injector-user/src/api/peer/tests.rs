//! Children that connect as somebody else.

use std::{
    os::{
        fd::AsRawFd as _,
        linux::net::SocketAddrExt as _,
        unix::{
            net::{SocketAddr, UnixListener, UnixStream},
            process::CommandExt as _,
        },
    },
    process::{Child, Command, Stdio},
};

use nix::unistd::{Gid, Uid, geteuid, setgid, setgroups, setuid};

use super::*;

/// A listener without a file, so that every user can reach it.
fn listener(name: &str) -> (UnixListener, SocketAddr) {
    let name = format!("injector-test-{name}-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name).unwrap();
    (UnixListener::bind_addr(&address).unwrap(), address)
}

/// Starts `program`, which has connected to `address` before its first instruction, as `somebody`.
fn child(program: &[&str], address: SocketAddr, somebody: Option<(u32, u32, u32)>) -> Child {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).stdin(Stdio::null()).stdout(Stdio::null());
    let connect = move || {
        if let Some((uid, gid, login)) = somebody {
            fs::write("/proc/self/loginuid", login.to_string())?;
            setgroups(&[Gid::from_raw(gid), Gid::from_raw(60_011), Gid::from_raw(60_012)])?;
            setgid(Gid::from_raw(gid))?;
            setuid(Uid::from_raw(uid))?;
        }
        let stream = UnixStream::connect_addr(&address)?;
        // The program keeps it open.
        // SAFETY: dup takes no pointers.
        if unsafe { libc::dup(stream.as_raw_fd()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are made, and short allocations; the child of this fork is
    // what std itself makes.
    unsafe { command.pre_exec(connect) };
    command.spawn().unwrap()
}

/// Not in a container that keeps CAP_AUDIT_CONTROL back.
fn may_log_in() -> bool {
    let script = "echo 60003 > /proc/self/loginuid";
    Command::new("sh").args(["-c", script]).stderr(Stdio::null()).status().unwrap().success()
}

fn accepted(listener: &UnixListener) -> Who {
    let (stream, _) = listener.accept().unwrap();
    Peer::of(&stream, credentials(&stream)).who().unwrap()
}

#[test]
fn a_child_of_another_user_is_known_with_groups_and_login() {
    if !geteuid().is_root() {
        println!(
            "SKIP api::peer::a_child_of_another_user_is_known_with_groups_and_login: only root can be others"
        );
        return;
    }
    let (listener, address) = listener("user");
    let mut sleeper = child(&["sleep", "60"], address, Some((60_001, 60_002, 60_003)));
    let who = accepted(&listener);
    let pid = sleeper.id();
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    let mut gids = who.identity.gids.clone();
    gids.sort_unstable();
    assert_eq!((who.pid, who.identity.uid, gids), (pid, 60_001, vec![60_002, 60_011, 60_012]));
    assert_eq!(who.identity.login, Some(60_003));
}

#[test]
fn a_dead_peer_lends_nobody_its_login() {
    let root = geteuid().is_root() && may_log_in();
    let (listener, address) = listener("dead");
    let mut gone = child(&["true"], address, root.then_some((0, 0, 60_003)));
    let pid = gone.id();
    gone.wait().unwrap();
    let who = accepted(&listener);
    assert_eq!((who.pid, who.identity.login), (pid, None));
    assert_eq!(who.identity.uid, geteuid().as_raw());
}

/// What kernels before 6.5 do: a pid, and a descriptor that was opened by it.
#[test]
fn a_login_counts_only_while_the_process_behind_the_descriptor_lives() {
    let mut sleeper = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = i32::try_from(sleeper.id()).unwrap();
    let process = pidfd(pid).unwrap();
    assert!(is_alive(process.as_fd()));
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    assert!(!is_alive(process.as_fd()));
    // Our own pid stands for whoever got the dead one's number.
    assert_eq!(read_login(std::process::id().cast_signed(), process.as_fd()), None);
    assert!(pidfd(pid).is_err());
}

#[test]
fn more_groups_than_there_is_room_for_at_first_are_read_too() {
    if !geteuid().is_root() {
        println!(
            "SKIP api::peer::more_groups_than_there_is_room_for_at_first_are_read_too: only root has them"
        );
        return;
    }
    let (listener, address) = listener("groups");
    let connecting = std::thread::spawn(move || {
        // Raw: of this thread only, which ends. glibc's would change all threads.
        let gids: Vec<u32> = (61_000..61_200).collect();
        // SAFETY: the pointer is to 200 live gids.
        assert_eq!(unsafe { libc::syscall(libc::SYS_setgroups, gids.len(), gids.as_ptr()) }, 0);
        UnixStream::connect_addr(&address).unwrap()
    });
    let who = accepted(&listener);
    drop(connecting.join().unwrap());
    assert!((61_000..61_200).all(|gid| who.identity.gids.contains(&gid)), "{:?}", who.identity.gids);
}
