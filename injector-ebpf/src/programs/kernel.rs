//! Fields of kernel structures. Their offsets come from the running kernel's BTF, patched into read-only
//! data by the loader: to the verifier they are constants, so each read is a plain, type-checked load.

use core::ffi::c_void;

macro_rules! offsets {
    ($($name:ident),* $(,)?) => { $(
        #[unsafe(no_mangle)]
        pub static $name: u32 = 0;
    )* };
}
offsets!(
    OFF_SK_CGROUP,
    OFF_CGROUP_KN,
    OFF_KN_ID,
    OFF_SRTT,
    OFF_MDEV,
    OFF_SND_UNA,
    OFF_SEGS_OUT,
    OFF_WMEM,
    OFF_SNDBUF,
    OFF_FAMILY,
    OFF_DPORT,
    OFF_DADDR,
    OFF_DADDR6,
    OFF_SK_UID,
    OFF_F_PATH,
    OFF_SYSCALL_NR,
    OFF_TASK_FLAGS,
    OFF_TASK_COMPAT,
    OFF_GROUP_LEADER,
    OFF_COMM,
    OFF_TASK_SIGNAL,
    OFF_SIGNAL_LIVE,
    OFF_IO_OPCODE,
    OFF_FILES,
    OFF_FS,
    OFF_ROOT_MNT,
    OFF_ROOT_DENTRY,
    OFF_FDT,
    OFF_MAX_FDS,
    OFF_FDS,
    OFF_F_INODE,
    OFF_F_PRIVATE,
    OFF_F_MNT,
    OFF_F_DENTRY,
    OFF_I_MODE,
    OFF_MOUNT_MNT,
    OFF_MNT_PARENT,
    OFF_MNT_POINT,
    OFF_MNT_ROOT,
    OFF_D_PARENT,
    OFF_D_NAME,
    OFF_D_LEN,
    OFF_SOCKET_SK,
    OFF_SK_ERR,
    OFF_SK_OMEM,
    OFF_SK_STATE,
    OFF_SK_NUM,
    OFF_SK_PROTOCOL,
    OFF_TCP_SPORT,
    OFF_TCP_RETRANSMITS,
    OFF_SKB_SK,
    OFF_SKB_MARK,
    OFF_SKB_HEAD,
    OFF_SKB_END,
    OFF_GSO_SEGS,
    DROP_HAS_SOCKET,
    OPTMEM_ROOM,
    OFF_TASK_CGROUPS,
    OFF_CSS_SET_DFL,
    OFF_TASK_PID,
    OFF_TASK_ON_CPU,
    OFF_RQ_BIO,
    OFF_RQ_FLAGS,
    OFF_RQ_LEN,
    OFF_BIO_BLKG,
    OFF_BLKG_BLKCG,
    OFF_BLKCG_CGROUP,
    OFF_CSS_SET_IO,
    OFF_CGROUP_ROOT,
    HAS_IO_CGROUPS,
);

/// The value of an offset, as a constant of the verifier's. Unsafe to use: a raw read.
macro_rules! offset {
    ($name:ident) => {
        core::ptr::read_volatile(core::ptr::addr_of!($crate::programs::kernel::$name)) as usize
    };
}
pub(crate) use offset;

/// Reads a field of a kernel structure.
macro_rules! field {
    ($base:expr, $name:ident, $ty:ty) => {
        unsafe {
            core::ptr::read_volatile(
                ($base as *const u8).add($crate::programs::kernel::offset!($name)).cast::<$ty>(),
            )
        }
    };
}
pub(crate) use field;

/// The id of the cgroup that owns a socket.
#[inline(always)]
pub fn socket_cgroup(sk: *const c_void) -> u64 {
    let cgroup = field!(sk, OFF_SK_CGROUP, *const c_void);
    if cgroup.is_null() {
        return 0;
    }
    let node = field!(cgroup, OFF_CGROUP_KN, *const c_void);
    if node.is_null() {
        return 0;
    }
    field!(node, OFF_KN_ID, u64)
}
