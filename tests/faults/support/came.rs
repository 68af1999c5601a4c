//! How many of some datagrams came: all of them, or none.

use super::{
    World,
    cgroup::Cgroup,
    child::fork,
    netns::Netns,
    traffic::{Receiver, send_udp},
};

/// How many are sent.
pub const DATAGRAMS: u64 = 300;
/// To which port, where nothing else is said.
pub const PORT: u16 = 9001;

/// Where a program runs.
pub type Place<'a> = (Option<&'a Cgroup>, &'a Netns);
/// An address and a port.
pub type End = (&'static str, u16);

/// Sends [`DATAGRAMS`] to `asked` and counts those that came to `listens`, which is the same if nobody rewrites it.
/// Those that the kernel refused to send are not among them.
pub fn came(from: Place, asked: End, to: Place, listens: End) -> u64 {
    let receiver = Receiver::start(to.0, to.1, listens.0, listens.1);
    fork(from.0, from.1, || format!("{:?}", send_udp(asked.0, asked.1, DATAGRAMS, 2))).join();
    let got = receiver.finish();
    assert_eq!(got.no_room, 0, "datagrams were lost for want of room, not by us");
    got.count()
}

impl World {
    /// Of those that a cgroup sends to an address at the other end.
    pub fn came_out(&self, cgroup: &Cgroup, ip: &'static str) -> u64 {
        came((Some(cgroup), &self.here), (ip, PORT), (None, &self.there), (ip, PORT))
    }

    /// Of those that the other end sends to an address of a cgroup's.
    pub fn came_in(&self, cgroup: &Cgroup, ip: &'static str) -> u64 {
        came((None, &self.there), (ip, PORT), (Some(cgroup), &self.here), (ip, PORT))
    }
}
