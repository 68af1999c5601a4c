//! Where packets of most flows are counted, and how packets and bytes share a word.

use crate::{flow::Counts, layout};

/// Where packets are counted whose flow is known: found by the socket's number, and one cache line. The way through the
/// socket's storage is three of them, each known only from the one before. A flow has one if no other flow has it; its
/// counts are these and its own.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// The socket's cookie, with [`SLOT_ENDED`] if its flow has ended, or [`SLOT_BUSY`]. 0: it is free.
    pub cookie: u64,
    /// See [`Flow::generation`](crate::flow::Flow::generation).
    pub generation: u32,
    /// The lower half of [`Flow::last`](crate::flow::Flow::last), or of `jiffies64` when the flow ended.
    pub last: u32,
    /// What is to be added to those of the flow.
    pub counts: SlotCounts,
    /// Counts when a move to the flow begins because one of them is [`FULL`], and when it is done. A reader who finds it
    /// odd, or changed, may have missed packets.
    pub moves: u64,
    /// Zero.
    pub pad: u64,
}

/// [`Counts`] with packets and bytes in one word, packets in the upper 22 bits and bytes in the lower 42: so a packet takes
/// one atomic addition, and not two.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotCounts {
    /// Packets and bytes sent.
    pub tx: u64,
    /// As for tx.
    pub rx: u64,
    /// See [`Counts`].
    pub tx_more: u64,
    /// See [`Counts`].
    pub rx_more: u64,
}

/// So many bits of a word are bytes.
const BYTES: u32 = 42;
/// A word from which on it has to be moved to the flow: 2,097,152 packets. As many again but one find room in it meanwhile,
/// each as large as the kernel makes them (512 KiB, `GSO_MAX_SIZE`, include/linux/netdevice.h).
pub const FULL: u64 = 1 << 63;
const _: () = assert!((FULL >> BYTES) * 2 * (512 << 10) <= 1 << BYTES);

/// What a packet of so many bytes adds to a word.
#[inline(always)]
pub const fn packet(bytes: u32) -> u64 {
    1 << BYTES | bytes as u64
}

impl SlotCounts {
    /// The same, each by itself.
    #[inline(always)]
    pub const fn counts(&self) -> Counts {
        let bytes = (1 << BYTES) - 1;
        Counts {
            tx_packets: self.tx >> BYTES,
            tx_bytes: self.tx & bytes,
            rx_packets: self.rx >> BYTES,
            rx_bytes: self.rx & bytes,
            tx_more: self.tx_more,
            rx_more: self.rx_more,
        }
    }
}

/// [`Slot::cookie`]: what is still counted here belongs to the flow's own counts.
pub const SLOT_ENDED: u64 = 1 << 63;
/// [`Slot::cookie`]: it is being given to a flow, or freed. No flow's, and nobody takes it.
pub const SLOT_BUSY: u64 = 1 << 62;
/// How many there are: 4 MiB.
pub const SLOTS: u32 = 65_536;

/// Whether a socket with this number may have a slot. Not those few whose numbers look like marks: the kernel counts them
/// from above, where it is interrupted while it gives a number (`gen_cookie_next`, include/linux/cookie.h).
#[inline(always)]
pub const fn has_slot(cookie: u64) -> bool {
    cookie != 0 && cookie & (SLOT_ENDED | SLOT_BUSY) == 0
}

/// Which slot a socket's flow may have.
///
/// Each CPU numbers its sockets in turn, and takes 4,096 numbers at a time: beyond the sixteenth such block they go on
/// a quarter of a block further, so that few sockets on each of many CPUs do not share a few slots.
#[inline(always)]
pub const fn slot_of(cookie: u64) -> u32 {
    let round = (cookie / SLOTS as u64) as u32;
    (cookie as u32).wrapping_add(round.wrapping_mul(1024)) % SLOTS
}

layout!(Slot = 64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_and_bytes_share_a_word_until_it_is_full() {
        let mut word = 0;
        for bytes in [40, 1500, 512 << 10] {
            word += packet(bytes);
        }
        let counts = SlotCounts { tx: word, rx: packet(52), tx_more: 7, rx_more: 8 }.counts();
        let all = 40 + 1500 + (512 << 10);
        let expected =
            Counts { tx_packets: 3, tx_bytes: all, rx_packets: 1, rx_bytes: 52, tx_more: 7, rx_more: 8 };
        assert_eq!(counts, expected);
        // The largest packets, until it is full and as many again but one.
        let most = (FULL >> BYTES) * 2 - 1;
        let word = packet(512 << 10) * most;
        assert!(word >= FULL && packet(512 << 10) * (FULL >> BYTES) >= FULL && packet(0) * (most / 2) < FULL);
        let counts = SlotCounts { tx: 0, rx: word, ..SlotCounts::default() }.counts();
        assert_eq!((counts.rx_packets, counts.rx_bytes), (most, most * (512 << 10)));
    }
}
