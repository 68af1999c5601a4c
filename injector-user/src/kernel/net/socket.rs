//! A netlink socket that asks one question at a time and reads the whole answer.

use std::io;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use netlink_sys::{Socket, SocketAddr};
use nix::sys::socket::{setsockopt, sockopt::ReceiveTimeout};
use nix::sys::time::TimeVal;

use super::error::KernelError;
use super::parse::{Attrs, Reply, bytes_at, replies, u32_at};
use super::wire::{HEADER, Message};

/// The kernel answers within the call or never: this only keeps a broken kernel from hanging the daemon.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a dump is repeated that the kernel calls inconsistent because the table changed meanwhile.
const DUMP_TRIES: u32 = 16;
const RECEIVE_BUFFER: u32 = 1 << 20;
/// linux/netlink.h: the original message in an error is cut to its header.
const NLM_F_CAPPED: u16 = 0x100;
/// linux/netlink.h: attributes follow the error.
const NLM_F_ACK_TLVS: u16 = 0x200;
/// linux/netlink.h: the text of an extended acknowledgement.
const NLMSGERR_ATTR_MSG: u16 = 1;
/// linux/netlink.h: message types below this are control messages.
const NLMSG_MIN_TYPE: u16 = 0x10;

/// A netlink socket of the network namespace it was opened in.
#[derive(Debug)]
pub struct NlSocket {
    socket: Socket,
    seq: u32,
}

enum Outcome {
    Complete,
    Interrupted,
}

impl NlSocket {
    /// Opens a socket of `protocol` (`NETLINK_ROUTE`, ...) in the calling thread's namespace.
    pub fn open(protocol: i32) -> Result<Self> {
        let asked = || format!("open netlink socket of protocol {protocol}");
        let mut socket = Socket::new(protocol as isize).with_context(asked)?;
        socket.bind_auto().with_context(asked)?;
        socket.set_ext_ack(true).context("ask netlink for error texts")?;
        // Without it an error repeats the whole request; the parser copes with both, so a refusal doesn't matter.
        let _ = socket.set_cap_ack(true);
        let _ = socket.set_rx_buf_sz(RECEIVE_BUFFER);
        let patience = TimeVal::new(PATIENCE.as_secs() as libc::time_t, 0);
        setsockopt(&socket, ReceiveTimeout, &patience).context("set netlink receive timeout")?;
        Ok(Self { socket, seq: 0 })
    }

    /// Sends a request that changes or gets one thing (its flags must hold NLM_F_ACK) and returns what was sent
    /// before the acknowledgement. `asked` begins the error.
    pub fn request(&mut self, asked: &str, message: &mut Message) -> Result<Vec<Reply>> {
        let mut out = Vec::new();
        self.exchange(asked, message, &mut |reply| out.push(reply))?;
        Ok(out)
    }

    /// Sends a dump request of a table that the kernel never calls inconsistent (that of sockets), and gives each message
    /// as it comes: a hundred thousand of them are never held at once.
    pub fn each(&mut self, asked: &str, message: &mut Message, mut take: impl FnMut(Reply)) -> Result<()> {
        self.exchange(asked, message, &mut take).map(|_| ())
    }

    /// Sends a dump request (its flags must hold NLM_F_DUMP) and returns one consistent answer.
    pub fn dump(&mut self, asked: &str, message: &mut Message) -> Result<Vec<Reply>> {
        for attempt in 0..DUMP_TRIES {
            let mut out = Vec::new();
            match self.exchange(asked, message, &mut |reply| out.push(reply))? {
                Outcome::Complete => return Ok(out),
                Outcome::Interrupted => std::thread::sleep(Duration::from_millis(u64::from(attempt))),
            }
        }
        bail!("{asked}: the kernel's table changed during each of {DUMP_TRIES} dumps")
    }

    fn exchange(
        &mut self,
        asked: &str,
        message: &mut Message,
        take: &mut dyn FnMut(Reply),
    ) -> Result<Outcome> {
        self.seq = self.seq.wrapping_add(1);
        let kernel = SocketAddr::new(0, 0);
        self.socket.send_to(message.bytes(self.seq), &kernel, 0).with_context(|| asked.to_owned())?;
        let mut outcome = Outcome::Complete;
        loop {
            let datagram = self.receive().with_context(|| format!("{asked}: no answer from the kernel"))?;
            for reply in replies(&datagram) {
                if reply.seq != self.seq {
                    continue; // the rest of an answer that an earlier call gave up on
                }
                if i32::from(reply.flags) & libc::NLM_F_DUMP_INTR != 0 {
                    outcome = Outcome::Interrupted;
                }
                match i32::from(reply.kind) {
                    libc::NLMSG_ERROR | libc::NLMSG_DONE => return refusal(asked, &reply).map(|()| outcome),
                    libc::NLMSG_OVERRUN => bail!("{asked}: netlink lost a part of the answer"),
                    _ if reply.kind < NLMSG_MIN_TYPE => {}
                    _ => take(reply),
                }
            }
        }
    }

    /// One datagram from the kernel, whole: its size is asked for first.
    fn receive(&self) -> io::Result<Vec<u8>> {
        loop {
            let mut buf = Vec::with_capacity(1);
            let peeked = self.socket.recv_from(&mut buf, libc::MSG_PEEK | libc::MSG_TRUNC);
            let received = peeked.and_then(|(len, _)| {
                buf = Vec::with_capacity(len.max(HEADER));
                self.socket.recv_from(&mut buf, 0)
            });
            match received {
                Ok((_, from)) if from.port_number() == 0 => return Ok(buf),
                Ok(_) => {} // another process may send to this socket: nothing it says counts
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// NLMSG_ERROR and NLMSG_DONE begin with an errno: 0 or negative.
fn refusal(asked: &str, reply: &Reply) -> Result<()> {
    let code = bytes_at(&reply.payload, 0).map_or(0, i32::from_ne_bytes);
    if code >= 0 {
        return Ok(());
    }
    let message = (reply.flags & NLM_F_ACK_TLVS != 0).then(|| texts(reply).str(NLMSGERR_ATTR_MSG)).flatten();
    Err(KernelError { asked: asked.to_owned(), errno: code.saturating_neg(), message }.into())
}

/// The attributes of an error: behind the errno and, in NLMSG_ERROR, the (perhaps cut) request.
fn texts(reply: &Reply) -> Attrs<'_> {
    if i32::from(reply.kind) == libc::NLMSG_DONE {
        return reply.attrs(4);
    }
    let request = match reply.flags & NLM_F_CAPPED {
        0 => u32_at(&reply.payload, 4).map_or(HEADER, |len| len as usize),
        _ => HEADER,
    };
    reply.attrs(4 + request)
}

#[cfg(test)]
mod unit {
    use super::super::error::errno_of;
    use super::*;

    fn error(flags: u16, request: &[u8]) -> Reply {
        let mut payload = (-17i32).to_ne_bytes().to_vec();
        payload.extend_from_slice(request);
        payload.extend_from_slice(&[8, 0, 1, 0, b'w', b'h', b'y', 0]);
        Reply { kind: 2, flags, seq: 1, payload }
    }

    #[test]
    fn reads_the_kernels_words_capped_or_not() {
        let mut whole = Message::new(1, 0, &[0; 12]);
        let whole = whole.bytes(1).to_vec();
        for reply in [error(0x300, &whole[..16]), error(0x200, &whole)] {
            let refused = refusal("add x", &reply).expect_err("an errno is an error");
            assert_eq!(errno_of(&refused), Some(libc::EEXIST));
            assert_eq!(refused.to_string(), "add x: File exists (os error 17) (kernel: why)");
        }
        let ack = Reply { kind: 2, flags: 0, seq: 1, payload: vec![0; 20] };
        assert!(refusal("add x", &ack).is_ok());
    }
}
