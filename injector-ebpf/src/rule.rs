//! A fault as the kernel programs read it, what it counts, and whom it is for.

use crate::layout;

/// Rules are slots 0..16; a set of rules is a bit mask.
pub const MAX_RULES: usize = 16;
/// Longest path prefix that a rule can hold, in bytes.
pub const MAX_PATH: usize = 128;

/// [`Rule::hook`]: the packet is lost on its way out, silently.
pub const HOOK_DROP_EGRESS: u32 = 1 << 0;
/// [`Rule::hook`]: the packet is lost before the receiving socket sees it.
pub const HOOK_DROP_INGRESS: u32 = 1 << 1;
/// [`Rule::hook`]: the packet takes the way through our delay device.
pub const HOOK_DELAY: u32 = 1 << 2;
/// [`Rule::hook`]: a call of the open family fails, by the BPF LSM hook.
pub const HOOK_OPEN_LSM: u32 = 1 << 3;
/// [`Rule::hook`]: a call of the open family fails, by kprobe and override.
pub const HOOK_OPEN_KPROBE: u32 = 1 << 4;

/// Tag in `tc_index` of a packet on which dice were already thrown. The upper bits mark it as ours: a packet
/// that passes a second device, or comes back from the delay device, must be neither drawn nor counted again.
pub const TAG_MAGIC: u16 = 0xe5a0;
/// The bits of [`TAG_MAGIC`].
pub const TAG_MASK: u16 = 0xfff0;
/// The packet was drawn for loss.
pub const TAG_DROP: u16 = 1;
/// The packet was drawn for delay.
pub const TAG_DELAY: u16 = 2;

/// 100 %: every draw of 32 bits is below it.
pub const ALWAYS: u64 = 1 << 32;

/// [`Rule::flags`]: it matches and counts, and does nothing.
pub const RULE_SHADOW: u64 = 1;

/// One fault, compiled. Written by the daemon only; what the kernel writes is in [`RuleStats`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The `HOOK_` bits at which it acts; 0: the slot is free.
    pub hook: u32,
    /// Negative errno, as a system call returns it, for the open hooks.
    pub errno: i32,
    /// Acts if a draw of 32 bits is below: 0..=2^32.
    pub threshold: u64,
    /// `RULE_` bits.
    pub flags: u64,
    /// Peer network as four big-endian words, IPv4 mapped into `::ffff:0:0/96`.
    pub peer: [u32; 4],
    /// Its mask; all zero matches every address.
    pub mask: [u32; 4],
    /// Peer port; 0 matches every port.
    pub port: u32,
    /// Length of `path` in bytes; 0 matches every path.
    pub path_len: u32,
    /// Absolute path prefix, compared by components.
    pub path: [u8; MAX_PATH],
}

impl Rule {
    /// A free slot.
    pub const FREE: Self = Self {
        hook: 0,
        errno: 0,
        threshold: 0,
        flags: 0,
        peer: [0; 4],
        mask: [0; 4],
        port: 0,
        path_len: 0,
        path: [0; MAX_PATH],
    };

    /// Does the rule mean this peer? `addr` as in [`Rule::peer`], `port` in host order.
    #[inline(always)]
    pub fn matches_peer(&self, addr: &[u32; 4], port: u16) -> bool {
        if self.port != 0 && self.port != port as u32 {
            return false;
        }
        (addr[0] & self.mask[0]) == self.peer[0]
            && (addr[1] & self.mask[1]) == self.peer[1]
            && (addr[2] & self.mask[2]) == self.peer[2]
            && (addr[3] & self.mask[3]) == self.peer[3]
    }
}

/// What one rule did. Counted by the kernel, never reset while the rule lives.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleStats {
    /// Packets (skbs, which may hold many segments) or calls that the rule means.
    pub matched: u64,
    /// Of these, selected for the fault.
    pub acted: u64,
    /// Segments on the wire that `matched` stands for (`gso_segs`); for calls the same as `matched`.
    pub matched_wire: u64,
    /// Segments on the wire that `acted` stands for.
    pub acted_wire: u64,
    /// Bytes of the selected packets, with their headers.
    pub acted_bytes: u64,
    /// Passed because the draw said so.
    pub passed_chance: u64,
    /// Passed because the deadline was past.
    pub passed_deadline: u64,
    /// Passed because the budget was spent.
    pub passed_budget: u64,
    /// Passed because packet or task is protected.
    pub passed_protected: u64,
    /// Calls whose path could not be read, and which were therefore let through.
    pub unreadable: u64,
    /// Calls that reached the hook from another syscall than the one asked for (execve, io_uring).
    pub other_call: u64,
    /// Passed because this second's budget was spent.
    pub passed_rate: u64,
    /// `jiffies64` of the last selection.
    pub last: u64,
    /// A shadow rule would have acted so often.
    pub shadow: u64,
    /// Segments on the wire that `shadow` stands for.
    pub shadow_wire: u64,
    /// Bytes of these packets.
    pub shadow_bytes: u64,
}

/// What is known of one cgroup: which rules mean it, and what else.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CgroupEntry {
    /// Bit mask of rule slots.
    pub rules: u32,
    /// `CG_` bits.
    pub flags: u32,
}

/// Flows of this cgroup are observed one by one.
pub const CG_WATCH: u32 = 1;
/// Nothing of this cgroup is ever faulted, whatever the rules say.
pub const CG_PROTECTED: u32 = 2;

/// What the gate let through, and why, when there was no rule to count it with.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GateStats {
    /// Passed because of the halt word.
    pub halted: u64,
    /// Passed because the lease was over.
    pub lapsed: u64,
    /// Packets without an owner (TIME_WAIT, forwarded, sent by the kernel itself).
    pub unattributed: u64,
    /// Packets of targets whose ports could not be read (later fragments).
    pub unparsed: u64,
}

impl RuleStats {
    /// Nothing counted.
    pub const ZERO: Self = Self {
        matched: 0,
        acted: 0,
        matched_wire: 0,
        acted_wire: 0,
        acted_bytes: 0,
        passed_chance: 0,
        passed_deadline: 0,
        passed_budget: 0,
        passed_protected: 0,
        unreadable: 0,
        other_call: 0,
        passed_rate: 0,
        last: 0,
        shadow: 0,
        shadow_wire: 0,
        shadow_bytes: 0,
    };
}

layout!(Rule = 192, RuleStats = 128, GateStats = 32);

const _: () = assert!(size_of::<CgroupEntry>() == 8);
#[cfg(feature = "user")]
// SAFETY: two words, no padding, every bit pattern is valid.
unsafe impl aya::Pod for CgroupEntry {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_matches_by_masked_address_and_port() {
        let mut rule = Rule { port: 5432, ..Rule::FREE };
        rule.peer = [0, 0, 0xffff_u32.to_be(), u32::from_be_bytes([10, 0, 0, 0]).to_be()];
        rule.mask = [!0, !0, !0, 0xff00_0000_u32.to_be()];
        let addr = |last: [u8; 4]| [0, 0, 0xffff_u32.to_be(), u32::from_be_bytes(last).to_be()];
        assert!(rule.matches_peer(&addr([10, 1, 2, 3]), 5432));
        assert!(!rule.matches_peer(&addr([11, 1, 2, 3]), 5432));
        assert!(!rule.matches_peer(&addr([10, 1, 2, 3]), 5433));
        assert!(Rule::FREE.matches_peer(&addr([1, 2, 3, 4]), 1));
    }
}
