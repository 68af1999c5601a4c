//! Connects that fail, resets and timeouts.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd as _,
    thread,
    time::Duration,
};

use super::{counted, deps, of, watched};
use crate::support::{THERE, World};

/// What the address at `last` of the victim's network answers to `n` connects: errnos.
fn connects(last: u8, port: u16, n: usize) -> Vec<i32> {
    let to = SocketAddr::from(([10, 77, 0, last], port));
    (0..n).map(|_| TcpStream::connect(to).unwrap_err().raw_os_error().unwrap()).collect()
}

/// Ends it by a reset.
fn reset(stream: TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: a valid descriptor, a structure and its size.
    let ret = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size_of::<libc::linger>() as u32,
        )
    };
    assert_eq!(ret, 0);
}

/// Each with its own end, as often as the program saw it.
#[test]
fn connects_that_fail_are_told_apart_and_so_are_resets() {
    let world = World::new();
    world.here.run("sysctl", "-qw net.ipv4.tcp_syn_retries=1");
    // An address is given up before a SYN is.
    world.here.run("sysctl", "-qw net.ipv4.neigh.v0.retrans_time_ms=100");
    // Somebody who never answers; nobody has the address of .8.
    world.here.ip("neigh add 10.77.0.9 lladdr 02:00:00:00:00:09 dev v0 nud permanent");
    let _server = world.over_there(|| {
        let listener = TcpListener::bind((THERE, 9031)).unwrap();
        loop {
            let (mut stream, _) = listener.accept().unwrap();
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            if byte == [1] {
                reset(stream);
            } else {
                thread::spawn(move || while matches!(stream.read(&mut byte), Ok(1..)) {});
            }
        }
    });
    thread::sleep(Duration::from_millis(300));
    deps(&world);
    let victim = world.in_victim(|| {
        let late = thread::spawn(|| connects(9, 9001, 1));
        let nobody = thread::spawn(|| connects(8, 9001, 1));
        let refused = connects(2, 9001, 3);
        let given_up = TcpStream::connect_timeout(&([10, 77, 0, 9], 9002).into(), Duration::from_millis(200));
        assert!(given_up.is_err());
        for told in [1, 1, 2, 2, 2] {
            let mut stream = TcpStream::connect((THERE, 9031)).unwrap();
            stream.write_all(&[told]).unwrap();
            if told == 1 {
                assert!(!matches!(stream.read(&mut [0]), Ok(1..)));
            } else {
                reset(stream);
            }
        }
        assert_eq!(refused, [libc::ECONNREFUSED; 3]);
        assert_eq!(late.join().unwrap(), [libc::ETIMEDOUT]);
        assert_eq!(nobody.join().unwrap(), [libc::EHOSTUNREACH]);
        "done".to_owned()
    });
    let (told, seen) = watched(&world, victim);
    assert_eq!(told, "done");
    let errors = |service: &str, name: &str| counted(of(&seen, service), "errors", name);
    assert_eq!(errors(&format!("{THERE}:9001"), "connect ECONNREFUSED"), 3, "{seen}");
    assert_eq!(errors("10.77.0.9:9001", "connect ETIMEDOUT"), 1, "{seen}");
    assert_eq!(errors("10.77.0.8:9001", "connect EHOSTUNREACH"), 1, "{seen}");
    assert_eq!(errors("10.77.0.9:9002", "connect given up"), 1, "{seen}");
    let served = of(&seen, &format!("{THERE}:9031"));
    assert_eq!(counted(served, "errors", "reset received"), 2, "{served}");
    assert_eq!(counted(served, "errors", "reset sent"), 3, "{served}");
    // The kernel's own count of the namespace, in which nobody else has TCP.
    let text = world.here.run("cat", "/proc/net/netstat");
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let column = names.split(' ').position(|name| name == "TCPTimeouts").unwrap();
    let truth: u64 = values.split(' ').nth(column).unwrap().parse().unwrap();
    let all = seen["dependencies"].as_array().unwrap();
    let timeouts: u64 = all.iter().map(|dep| counted(dep, "errors", "timeout")).sum();
    println!("timeouts: {timeouts}; the kernel's: {truth}");
    // Of these the last one of each connect sends nothing any more: it ends it.
    assert!(timeouts > 0 && timeouts <= truth && truth - timeouts <= 2, "{timeouts} of {truth}: {seen}");
}
