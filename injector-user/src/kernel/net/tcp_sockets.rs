//! TCP sockets of a network namespace with what the kernel tells of each: buffers, windows, and what it waited for.

use std::net::SocketAddr;

use anyhow::Result;

use super::netns::Netns;
use super::parse::{Reply, u32_at, u64_at};
use super::sock_diag::{
    ALL_STATES, INET_DIAG_MSG, SOCK_DIAG_BY_FAMILY, SOCKID, TCP_LISTEN, TCP_TIME_WAIT, address, cgroup,
};
use super::socket::NlSocket;
use super::wire::Message;

// linux/inet_diag.h
const INET_DIAG_INFO: u16 = 2;
const INET_DIAG_SKMEMINFO: u16 = 7;
// include/net/tcp_states.h
const TCP_ESTABLISHED: u32 = 1;
const TCP_SYN_RECV: u32 = 3;
const TCP_CLOSE_WAIT: u32 = 8;

/// A TCP socket, of whatever state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpSocket {
    /// TCP_* state (include/net/tcp_states.h).
    pub state: u32,
    /// Own address; IPv4 also where the socket is of IPv6 with a mapped address.
    pub local: SocketAddr,
    /// The peer's; unspecified with port 0 if it has none.
    pub remote: SocketAddr,
    /// Unique among all sockets since the host started; of no meaning for TIME_WAIT.
    pub cookie: u64,
    /// Bytes that were received and not read; of a listening socket the connections that wait for accept(2).
    pub receive_queue: u32,
    /// Bytes that were written and not acknowledged; of a listening socket the backlog.
    pub send_queue: u32,
    /// Cgroup v2 id of its creator, where the kernel tells: not for TIME_WAIT.
    pub cgroup: Option<u64>,
    /// Its buffers; none for TIME_WAIT and for a connection whose handshake is not over.
    pub memory: Option<Memory>,
    /// What TCP knows; as above, and none for listening sockets.
    pub info: Option<TcpInfo>,
}

/// `INET_DIAG_SKMEMINFO`: buffers with all that the kernel keeps beside the payload, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// In the receive buffer.
    pub receive: u32,
    /// The most that may be.
    pub receive_limit: u32,
    /// In the send buffer.
    pub send: u32,
    /// The most that may be.
    pub send_limit: u32,
    /// Packets that this socket dropped since it was made; of a listening socket the handshakes.
    pub drops: u32,
}

/// A part of `struct tcp_info` (linux/tcp.h).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// Milliseconds since data was sent.
    pub sent_ago_ms: u32,
    /// Milliseconds since data was received.
    pub received_ago_ms: u32,
    /// Microseconds in which there was something to send.
    pub busy_us: u64,
    /// Those of them in which the peer's receive window was full.
    pub window_limited_us: u64,
    /// Those of them in which the own send buffer was full.
    pub buffer_limited_us: u64,
    /// The peer's window in bytes: Linux 5.4.
    pub send_window: Option<u32>,
    /// The own window in bytes: Linux 6.2.
    pub receive_window: Option<u32>,
}

impl TcpSocket {
    /// It waits for connections.
    pub fn listens(&self) -> bool {
        self.state == TCP_LISTEN
    }

    /// It is a handshake that the peer has not completed.
    pub fn is_half_open(&self) -> bool {
        self.state == TCP_SYN_RECV
    }

    /// It still belongs to a program that can send: established, or closed by the peer only.
    pub fn is_open(&self) -> bool {
        matches!(self.state, TCP_ESTABLISHED | TCP_CLOSE_WAIT)
    }

    /// It has ended and only keeps its port.
    pub fn is_time_wait(&self) -> bool {
        self.state == TCP_TIME_WAIT
    }
}

/// Gives every TCP socket of `ns` to `take`: listening ones only, or all others.
///
/// # Errors
/// ENOENT if the kernel lacks INET_TCP_DIAG (module tcp_diag); EPERM without CAP_SYS_ADMIN if `ns` isn't the caller's own.
pub fn each_tcp_socket(ns: &Netns, listening: bool, mut take: impl FnMut(TcpSocket)) -> Result<()> {
    let listen = 1 << TCP_LISTEN;
    let states = if listening { listen } else { ALL_STATES & !listen };
    let mut socket = ns.run(|| NlSocket::open(libc::NETLINK_SOCK_DIAG))?;
    for family in [libc::AF_INET, libc::AF_INET6] {
        let asked = format!("list TCP sockets of family {family}");
        socket.each(&asked, &mut request(family, states), |reply| {
            if let Some(found) = parse(&reply) {
                take(found);
            }
        })?;
    }
    Ok(())
}

/// `struct inet_diag_req_v2`: family, protocol, extensions (a bit each, by number less one), pad, states, sockid.
fn request(family: i32, states: u32) -> Message {
    let extensions = 1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_SKMEMINFO - 1);
    let mut body = vec![family as u8, libc::IPPROTO_TCP as u8, extensions, 0];
    body.extend_from_slice(&states.to_ne_bytes());
    body.extend_from_slice(&[0; SOCKID]);
    Message::new(SOCK_DIAG_BY_FAMILY, libc::NLM_F_DUMP, &body)
}

fn parse(reply: &Reply) -> Option<TcpSocket> {
    let message = &reply.payload;
    let state = u32::from(*message.get(1)?);
    let attrs = reply.attrs(INET_DIAG_MSG);
    Some(TcpSocket {
        state,
        local: address(message, 4, 8)?,
        remote: address(message, 6, 24)?,
        cookie: u64_at(message, 44)?,
        receive_queue: u32_at(message, 56)?,
        send_queue: u32_at(message, 60)?,
        cgroup: cgroup(reply),
        memory: attrs.get(INET_DIAG_SKMEMINFO).and_then(memory),
        info: attrs.get(INET_DIAG_INFO).filter(|_| state != TCP_LISTEN).and_then(info),
    })
}

/// SK_MEMINFO_*: receive in use and limit, send in use and limit, three others, backlog, drops.
fn memory(data: &[u8]) -> Option<Memory> {
    let word = |number: usize| u32_at(data, 4 * number);
    Some(Memory {
        receive: word(0)?,
        receive_limit: word(1)?,
        // What is queued (5), and not what the device has (2): a program that writes waits for the former.
        send: word(5)?,
        send_limit: word(3)?,
        drops: word(8)?,
    })
}

/// A kernel that is older sends less of it.
fn info(data: &[u8]) -> Option<TcpInfo> {
    Some(TcpInfo {
        sent_ago_ms: u32_at(data, 44)?,
        received_ago_ms: u32_at(data, 52)?,
        busy_us: u64_at(data, 168)?,
        window_limited_us: u64_at(data, 176)?,
        buffer_limited_us: u64_at(data, 184)?,
        send_window: u32_at(data, 228),
        receive_window: u32_at(data, 232),
    })
}

#[cfg(test)]
mod unit {
    use super::*;
    use crate::kernel::net::testing::fresh_netns;
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn an_older_kernels_shorter_answer_has_no_windows() {
        let mut data = [0; 232];
        data[168..176].copy_from_slice(&7_000_u64.to_ne_bytes());
        data[228..232].copy_from_slice(&9_u32.to_ne_bytes());
        let read = info(&data).unwrap();
        assert_eq!((read.busy_us, read.send_window, read.receive_window), (7_000, Some(9), None));
        assert_eq!(info(&data[..190]), None, "before Linux 4.10");
        let mut words = [0; 36];
        for (number, word) in words.chunks_exact_mut(4).enumerate() {
            word.copy_from_slice(&(number as u32 + 1).to_ne_bytes());
        }
        let read = memory(&words).unwrap();
        assert_eq!(
            (read.receive, read.receive_limit, read.send, read.send_limit, read.drops),
            (1, 2, 6, 4, 9)
        );
    }

    #[test]
    fn a_connection_that_is_not_read_shows_its_buffers_and_its_window() {
        let Some(ns) = fresh_netns("a_connection_that_is_not_read_shows_its_buffers_and_its_window") else {
            return;
        };
        let listener = ns.run(|| Ok(TcpListener::bind("127.0.0.1:0")?)).unwrap();
        let at = listener.local_addr().unwrap();
        let mut client = ns.run(|| Ok(TcpStream::connect(at)?)).unwrap();
        let server = listener.accept().unwrap().0;
        client.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(n) = client.write(&[0; 65_536]) {
            written += n;
        }
        let (mut listening, mut others) = (Vec::new(), Vec::new());
        each_tcp_socket(&ns, true, |socket| listening.push(socket)).unwrap();
        each_tcp_socket(&ns, false, |socket| others.push(socket)).unwrap();
        assert_eq!(listening.len(), 1);
        assert_eq!((listening[0].local, listening[0].listens()), (at, true));
        let of = |local| others.iter().find(|socket| socket.local == local).unwrap();
        let (sender, reader) = (of(client.local_addr().unwrap()), of(server.local_addr().unwrap()));
        assert!(sender.is_open() && reader.is_open(), "{others:?}");
        assert_ne!(sender.cookie, reader.cookie);
        // Between the two, all that was written is in the buffers; what was received and not yet acknowledged is in both.
        let held = (sender.send_queue + reader.receive_queue) as usize;
        assert!(held >= written && sender.send_queue as usize <= written, "{written}: {others:?}");
        assert!(reader.receive_queue > 0 && sender.send_queue > 0, "{others:?}");
        assert!(reader.memory.unwrap().receive >= reader.receive_queue, "{reader:?}");
        assert!(reader.memory.unwrap().receive_limit > 0, "{reader:?}");
        assert!(sender.memory.unwrap().send >= sender.send_queue, "{sender:?}");
        assert!(sender.info.unwrap().send_window.is_some(), "{sender:?}");
    }
}
