//! Which calls a rule means, beside their cgroup, their number and their path.

/// [`CallMeans::asks`]: the real user's number.
pub const CALL_UID: u32 = 1 << 0;
/// [`CallMeans::asks`]: the thread's name.
pub const CALL_COMM: u32 = 1 << 1;
/// [`CallMeans::asks`]: the name of the process's first thread.
pub const CALL_PROCESS: u32 = 1 << 2;
/// [`CallMeans::asks`]: the path that is one of the arguments, or the resolved one at a hook that sees it.
pub const CALL_PATH: u32 = 1 << 3;
/// [`CallMeans::asks`]: the path is a pattern with `*` and `?`, and all of the path must fit it.
pub const CALL_GLOB: u32 = 1 << 4;
/// [`CallMeans::asks`]: with [`CALL_GLOB`], what is below a path that fits is meant as well.
pub const CALL_BELOW: u32 = 1 << 5;
/// [`CallMeans::asks`]: the path of the file that the call's descriptor refers to. Not with [`CALL_PATH`].
pub const CALL_FD_PATH: u32 = 1 << 6;
/// [`CallMeans::asks`]: what the call's descriptor refers to.
pub const CALL_FD_TYPE: u32 = 1 << 7;
/// [`CallMeans::asks`]: the peer: the trie of peers and [`crate::means::Means`]' ports decide.
pub const CALL_PEER: u32 = 1 << 8;
/// [`CallMeans::asks`]: of calls that are for sockets and pipes as well ([`SHAPE_MIXED`]) only those on [`DISK_TYPES`].
pub const CALL_FD_DISK: u32 = 1 << 9;
/// [`CallMeans::asks`]: the first argument is compared; the second is the next bit, and so on.
pub const CALL_ARGUMENT: u32 = 1 << 16;

/// So many arguments a system call has at most.
pub const ARGUMENTS: usize = 6;
/// Most comparisons of a rule.
pub const MAX_COMPARISONS: usize = 2;
/// Bytes of a task's name, with the closing NUL (TASK_COMM_LEN of the kernel).
pub const COMM: usize = 16;

/// [`Comparison::how`]: there is none.
pub const COMPARE_NONE: u32 = 0;
/// [`Comparison::how`]: all 64 bits are the same.
pub const COMPARE_SAME: u32 = 1;
/// [`Comparison::how`]: some bit differs.
pub const COMPARE_OTHER: u32 = 2;
/// [`Comparison::how`]: less, without a sign.
pub const COMPARE_LESS: u32 = 3;
/// [`Comparison::how`]: more, without a sign.
pub const COMPARE_MORE: u32 = 4;
/// [`Comparison::how`]: all these bits are set.
pub const COMPARE_BITS: u32 = 5;
/// [`Comparison::how`]: the lower 32 bits are the same. For negative numbers: whether an `int` has its sign in the upper
/// half of a register is the caller's affair.
pub const COMPARE_SAME_INT: u32 = 6;
/// [`Comparison::how`]: the lower 32 bits differ.
pub const COMPARE_OTHER_INT: u32 = 7;

/// One argument of the call against a number.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The number.
    pub value: u64,
    /// Which argument, 0 to 5.
    pub argument: u32,
    /// One of the `COMPARE_`.
    pub how: u32,
}

impl Comparison {
    /// No comparison.
    pub const NONE: Self = Self { value: 0, argument: 0, how: COMPARE_NONE };

    /// Does it hold for this argument?
    #[inline(always)]
    pub fn holds(&self, seen: u64) -> bool {
        match self.how {
            COMPARE_SAME => seen == self.value,
            COMPARE_OTHER => seen != self.value,
            COMPARE_LESS => seen < self.value,
            COMPARE_MORE => seen > self.value,
            COMPARE_BITS => seen & self.value == self.value,
            COMPARE_SAME_INT => seen as u32 == self.value as u32,
            COMPARE_OTHER_INT => seen as u32 != self.value as u32,
            _ => true,
        }
    }
}

/// What is asked of a call. All of it must be so.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallMeans {
    /// `CALL_` bits: which of these count; 0: every call.
    pub asks: u32,
    /// The real user's number, as the host counts.
    pub uid: u32,
    /// The thread's name, filled up with NULs.
    pub comm: [u8; COMM],
    /// The name of the process's first thread, filled up with NULs.
    pub process: [u8; COMM],
    /// Arguments.
    pub comparisons: [Comparison; MAX_COMPARISONS],
    /// Types of files, a bit each: bit 12 is a socket, as S_IFSOCK is 12 << 12; bit 0 is what is of no type.
    pub fd_types: u32,
    /// Always 0.
    pub pad: u32,
}

impl CallMeans {
    /// Every call.
    pub const ALL: Self = Self {
        asks: 0,
        uid: 0,
        comm: [0; COMM],
        process: [0; COMM],
        comparisons: [Comparison::NONE; MAX_COMPARISONS],
        fd_types: 0,
        pad: 0,
    };
}

/// Where a call's arguments are that are more than numbers, packed into a word for each call: the lower six bits say
/// which are paths; at each `SHAPE_` are four bits, the argument's number plus one, or 0.
pub type CallShape = u32;
/// [`CallShape`]: the descriptor that the call is about.
pub const SHAPE_FD: u32 = 8;
/// [`CallShape`]: the address of a `struct sockaddr`.
pub const SHAPE_ADDRESS: u32 = 12;
/// [`CallShape`]: the address of a `struct msghdr`.
pub const SHAPE_MESSAGE: u32 = 16;
/// [`CallShape`]: its descriptor may be of a socket as well as of a file.
pub const SHAPE_MIXED: u32 = 1 << 20;

/// What of a disk a descriptor can refer to, as [`CallMeans::fd_types`]: a file, a directory, a block device.
pub const DISK_TYPES: u32 = 1 << 8 | 1 << 4 | 1 << 6;

const _: () = assert!(size_of::<CallMeans>() == 80 && size_of::<Comparison>() == 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_comparing() {
        let holds = |how, value, seen| Comparison { value, argument: 0, how }.holds(seen);
        let minus = -100_i64 as u64;
        let cases = [
            (COMPARE_SAME, 5, 5, true),
            (COMPARE_SAME, 5, 1 << 32 | 5, false),
            (COMPARE_OTHER, 5, 5, false),
            (COMPARE_OTHER, 5, 6, true),
            (COMPARE_LESS, 5, 4, true),
            (COMPARE_LESS, 5, 5, false),
            (COMPARE_MORE, 5, minus, true),
            (COMPARE_MORE, 5, 5, false),
            (COMPARE_BITS, 6, 7, true),
            (COMPARE_BITS, 6, 5, false),
            (COMPARE_SAME_INT, minus, minus, true),
            (COMPARE_SAME_INT, minus, minus & 0xffff_ffff, true),
            (COMPARE_SAME_INT, minus, 100, false),
            (COMPARE_OTHER_INT, minus, minus & 0xffff_ffff, false),
            (COMPARE_NONE, 5, 6, true),
        ];
        for (how, value, seen, expected) in cases {
            assert_eq!(holds(how, value, seen), expected, "{how} {value} {seen}");
        }
    }
}
