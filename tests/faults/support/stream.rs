//! A stream of datagrams that says afterwards when those that were lost had been sent.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use super::{
    THERE, World,
    child::Child,
    now_ms,
    traffic::{Flag, Receiver},
};

/// A stream of datagrams for so long; afterwards the times at which those that were lost had been sent.
pub struct Stream {
    receiver: Receiver,
    sender: Child,
    stop: Flag,
}

impl Stream {
    pub fn start(world: &World, span: Duration) -> Self {
        let receiver = world.receiver(THERE, 9001);
        let stop = Flag::new();
        let sender = world.in_victim(|| {
            let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.connect((THERE, 9001)).unwrap();
            let begun = Instant::now();
            let mut sent = Vec::new();
            for number in 0_u64.. {
                if begun.elapsed() > span || stop.is_set() {
                    break;
                }
                sent.push(format!("{}", now_ms()));
                socket.send(&number.to_be_bytes()).unwrap();
                sleep(Duration::from_millis(2));
            }
            sent.join(" ")
        });
        Self { receiver, sender, stop }
    }

    /// Ends it before its time; then as [`Stream::lost`].
    pub fn stop(self) -> (Vec<u64>, usize) {
        self.stop.set();
        self.lost()
    }

    /// When the datagrams that never came were sent, and how many were sent at all.
    pub fn lost(self) -> (Vec<u64>, usize) {
        let all = self.all();
        (all.iter().filter(|(_, came)| !came).map(|(at, _)| *at).collect(), all.len())
    }

    /// When each datagram was sent, and whether it came.
    pub fn all(self) -> Vec<(u64, bool)> {
        let sent = self.sender.join();
        let seen = self.receiver.finish().seen;
        let times = sent.split_whitespace().map(|word| word.parse().unwrap());
        times.zip(0..).map(|(at, number)| (at, seen.contains(&number))).collect()
    }
}
