//! A fault as the kernel programs read it, what it counts, and whom it is for.

use crate::{call_means::CallMeans, draw::Draw, hist::BUCKETS, layout, means::Means, reaction::Reaction};

/// Rules are slots 0..16; a set of rules is a bit mask.
pub const MAX_RULES: usize = 16;
/// Most networks that all rules together can name as peers or exceptions.
pub const MAX_PEERS: u32 = 4096;
/// Numbers of system calls are below this: both architectures are far from it (in 2026 it is 470).
pub const CALLS: usize = 512;
/// Most different outcomes of the calls of one rule.
pub const OUTCOMES: usize = 4;
/// Longest path prefix that a rule can hold, in bytes.
pub const MAX_PATH: usize = 128;

/// [`Rule::hook`]: packets on their way out, at tc egress.
pub const HOOK_EGRESS: u32 = 1 << 0;
/// [`Rule::hook`]: packets on their way in, at tc ingress.
pub const HOOK_INGRESS: u32 = 1 << 1;
/// [`Rule::hook`]: packets on their way in, before the receiving socket sees them.
pub const HOOK_CGROUP_INGRESS: u32 = 1 << 2;
/// [`Rule::hook`]: a call of the open family fails, by the BPF LSM hook.
pub const HOOK_OPEN_LSM: u32 = 1 << 3;
/// [`Rule::hook`]: a call fails at its entry, by kprobe and override or by fmod_ret.
pub const HOOK_CALL: u32 = 1 << 4;
/// [`Rule::hook`]: packets on their way out, where the sender is told.
pub const HOOK_CGROUP_EGRESS: u32 = 1 << 5;
/// [`Rule::hook`]: a call fails at one of the LSM hooks in [`Rule::hooks`].
pub const HOOK_LSM: u32 = 1 << 6;
/// [`Rule::hook`]: a call on a socket fails at a hook of the target's cgroup.
pub const HOOK_CGROUP_CALL: u32 = 1 << 7;
/// [`Rule::hook`]: as [`HOOK_LSM`], by fmod_ret on the functions that ask all LSMs (`security_*`).
pub const HOOK_SECURITY: u32 = 1 << 8;
/// [`Rule::hook`]: as [`HOOK_OPEN_LSM`], by fmod_ret on `security_file_open`.
pub const HOOK_OPEN_SECURITY: u32 = 1 << 9;

/// What the link of a program within a call tells it: the hook's place in the daemon's table, and with this bit that it
/// stands at the `security_` function and not at the LSM hook.
pub const COOKIE_SECURITY: u64 = 1 << 32;

/// [`Rule::act`]: the packet is lost.
pub const ACT_DROP: u32 = 0;
/// [`Rule::act`]: both ends get a RST in the other's name; a SYN is answered by one.
pub const ACT_RESET: u32 = 1;
/// [`Rule::act`]: a DNS query is answered, with [`Rule::rcode`].
pub const ACT_DNS: u32 = 2;
/// [`Rule::act`]: a byte of the payload is changed, and the checksum made right.
pub const ACT_GARBLE: u32 = 3;
/// [`Rule::act`]: the packet goes twice.
pub const ACT_DUPLICATE: u32 = 4;
/// [`Rule::act`]: the packet takes the way through our device.
pub const ACT_DEVICE: u32 = 5;

/// [`Rule::flags`]: it matches and counts, and does nothing.
pub const RULE_SHADOW: u64 = 1;
/// [`Rule::flags`]: the rule names peers or exceptions: its bit in the trie of peers decides.
pub const RULE_PEERS: u64 = 1 << 1;
/// [`Rule::flags`]: the port of DNS is no protection; with a [`Rule::path_len`] only queries for the names with which
/// the trie of names knows the rule.
pub const RULE_DNS: u64 = 1 << 2;
/// [`Rule::flags`]: it is watched whether descriptors are closed on which a call has failed.
pub const RULE_CLOSES: u64 = 1 << 3;

/// One fault, compiled. Written by the daemon only; what the kernel writes is in [`RuleStats`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The `HOOK_` bits at which it acts; 0: the slot is free.
    pub hook: u32,
    /// For packets: one of the `ACT_`.
    pub act: u32,
    /// The answer to a DNS query: 0 (no such record), 2 (SERVFAIL), 3 (NXDOMAIN) of RFC 1035.
    pub rcode: u32,
    /// For calls: a word of 32 bits that is not below so many of these chooses [`returns`](Self::returns) at that place.
    pub shares: [u32; OUTCOMES - 1],
    /// For calls: what they return: negative errnos, or 0.
    pub returns: [i32; OUTCOMES],
    /// `RULE_` bits.
    pub flags: u64,
    /// How often.
    pub draw: Draw,
    /// Which packets.
    pub means: Means,
    /// Always 0.
    pub pad: u32,
    /// Length of `path` in bytes; 0 matches every path. With [`RULE_DNS`] not 0: certain names only.
    pub path_len: u32,
    /// Absolute path prefix, compared by components, or a pattern.
    pub path: [u8; MAX_PATH],
    /// For calls: the numbers of those that are meant, a bit each.
    pub calls: [u64; CALLS / 64],
    /// With [`HOOK_LSM`] and [`HOOK_SECURITY`]: the LSM hooks at which it acts, a bit each by their place in the daemon's table.
    pub hooks: u64,
    /// For calls: which of these.
    pub call: CallMeans,
}

impl Rule {
    /// A free slot.
    pub const FREE: Self = Self {
        hook: 0,
        act: 0,
        rcode: 0,
        shares: [u32::MAX; OUTCOMES - 1],
        returns: [0; OUTCOMES],
        flags: 0,
        draw: Draw::NEVER,
        means: Means::ALL,
        pad: 0,
        path_len: 0,
        path: [0; MAX_PATH],
        calls: [0; CALLS / 64],
        hooks: 0,
        call: CallMeans::ALL,
    };

    /// What a call returns, by a word of 32 bits.
    #[inline(always)]
    pub fn outcome(&self, word: u32) -> i32 {
        let mut at = 0;
        for share in self.shares {
            at += (word >= share) as usize;
        }
        self.returns[at % OUTCOMES]
    }

    /// Does it mean the call with this number?
    #[inline(always)]
    pub fn means_call(&self, number: u64) -> bool {
        number < CALLS as u64 && self.calls[(number as usize / 64) % (CALLS / 64)] >> (number % 64) & 1 != 0
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
    /// Calls that reached the hook from another syscall than the one asked for (execve, splice).
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
    /// Selected, and yet not done: the packet has a form that cannot be answered or changed (IP options, a link layer
    /// that is not Ethernet's).
    pub failed: u64,
    /// Bytes of the packets in `matched`.
    pub matched_bytes: u64,
    /// Calls of 32-bit programs that reached the hook: their numbers mean nothing here.
    pub compat: u64,
    /// What reached the hook from io_uring.
    pub io_uring: u64,
    /// For calls: what the target did next.
    pub reaction: Reaction,
}

/// What the rules say of a network, as bit masks.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerRules {
    /// Rules of which it is a peer, or that have no peers.
    pub meant: u32,
    /// Rules that leave it out.
    pub left_out: u32,
}

/// The rules that cannot mean a packet with a certain port, as bit masks: what the ports of [`Means`] say, for one look
/// at all rules. That a rule is not here says nothing: [`Means::holds`] decides.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortRules {
    /// Where it is the peer's port.
    pub peer: u16,
    /// Where it is the target's.
    pub local: u16,
}

/// [`PortRules`] of ports that follow each other: `PORT_BLOCKS` such blocks are all ports.
pub type PortBlock = [PortRules; BLOCK_PORTS];
/// Ports in a [`PortBlock`].
pub const BLOCK_PORTS: usize = 64;
/// Blocks of ports.
pub const PORT_BLOCKS: u32 = 65_536 / BLOCK_PORTS as u32;

/// A DNS name in the trie of names: as it is in a query, backwards, so that the names below it begin as it does, and
/// each byte with [`NAME_CASE`]. Lengths of labels have [`NAME_LENGTH`] too.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name(pub [u8; NAME_ROOM]);

/// The bit that makes letters lower case. The other bytes of host names have it.
pub const NAME_CASE: u8 = 0x20;
/// The bit that the length of a label gets, but for the empty one: with it, it is nothing that is in a host name.
pub const NAME_LENGTH: u8 = 0x80;
/// Longest name that can be told from others, in bytes with the lengths of its labels; longer ones are told by their
/// end.
pub const NAME_ROOM: usize = 128;

/// Which rules mean a name.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameRules {
    /// The name's length in bytes.
    pub length: u32,
    /// Rules that mean this very name.
    pub exact: u32,
    /// Rules that mean the names below it.
    pub below: u32,
    /// Always 0.
    pub pad: u32,
}

/// How long packets were in our device, measured on the packets.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// Sum, in microseconds.
    pub sum_us: u64,
    /// In the buckets of [`crate::hist`].
    pub buckets: [u64; BUCKETS],
}

impl Delays {
    /// Nothing measured.
    pub const ZERO: Self = Self { sum_us: 0, buckets: [0; BUCKETS] };
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
/// One of its rules has [`RULE_PEERS`].
pub const CG_PEERS: u32 = 4;
/// One of its rules means certain ports.
pub const CG_PORTS: u32 = 32;
/// One of its rules takes whole flows.
pub const CG_FLOWS: u32 = 8;
/// One of its rules means certain DNS names.
pub const CG_DNS: u32 = 16;
/// It is observed how long its requests to disks take, and its tasks wait for a CPU.
pub const CG_LAG: u32 = 64;

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
        failed: 0,
        matched_bytes: 0,
        compat: 0,
        io_uring: 0,
        reaction: Reaction::ZERO,
    };
}

layout!(Rule = 408, RuleStats = 216, GateStats = 32, Delays = 1544);

const _: () = assert!(size_of::<PortRules>() == 4 && MAX_RULES == 16);
const _: () = assert!(size_of::<CgroupEntry>() == 8 && size_of::<NameRules>() == 16);
#[cfg(feature = "user")]
// SAFETY: bytes.
unsafe impl aya::Pod for Name {}
#[cfg(feature = "user")]
// SAFETY: four words, no padding, every bit pattern is valid.
unsafe impl aya::Pod for NameRules {}
#[cfg(feature = "user")]
// SAFETY: two words, no padding, every bit pattern is valid.
unsafe impl aya::Pod for PeerRules {}
#[cfg(feature = "user")]
// SAFETY: two half words, no padding, every bit pattern is valid.
unsafe impl aya::Pod for PortRules {}
#[cfg(feature = "user")]
// SAFETY: two words, no padding, every bit pattern is valid.
unsafe impl aya::Pod for CgroupEntry {}
