//! The fields of the kernel's structures that the programs read: where each is in this kernel is written into them.

use anyhow::Result;
use injector_ebpf::names::offsets;

use super::btf::Btf;

/// The programs' variable, and the structure and the field in it whose offset it has.
const FIELDS: [(&str, &str, &str); 54] = [
    (offsets::SK_CGROUP, "sock", "sk_cgrp_data.cgroup"),
    (offsets::CGROUP_KN, "cgroup", "kn"),
    (offsets::KN_ID, "kernfs_node", "id"),
    (offsets::SRTT, "tcp_sock", "srtt_us"),
    (offsets::MDEV, "tcp_sock", "mdev_us"),
    (offsets::SND_UNA, "tcp_sock", "snd_una"),
    (offsets::SEGS_OUT, "tcp_sock", "segs_out"),
    (offsets::WMEM, "sock", "sk_wmem_queued"),
    (offsets::SNDBUF, "sock", "sk_sndbuf"),
    (offsets::SK_UID, "sock", "sk_uid"),
    (offsets::FAMILY, "sock", "__sk_common.skc_family"),
    (offsets::DPORT, "sock", "__sk_common.skc_dport"),
    (offsets::DADDR, "sock", "__sk_common.skc_daddr"),
    (offsets::DADDR6, "sock", "__sk_common.skc_v6_daddr"),
    (offsets::F_PATH, "file", "f_path"),
    (offsets::GROUP_LEADER, "task_struct", "group_leader"),
    (offsets::COMM, "task_struct", "comm"),
    (offsets::FILES, "task_struct", "files"),
    (offsets::FS, "task_struct", "fs"),
    (offsets::ROOT_MNT, "fs_struct", "root.mnt"),
    (offsets::ROOT_DENTRY, "fs_struct", "root.dentry"),
    (offsets::FDT, "files_struct", "fdt"),
    (offsets::MAX_FDS, "fdtable", "max_fds"),
    (offsets::FDS, "fdtable", "fd"),
    (offsets::F_INODE, "file", "f_inode"),
    (offsets::F_PRIVATE, "file", "private_data"),
    (offsets::F_MNT, "file", "f_path.mnt"),
    (offsets::F_DENTRY, "file", "f_path.dentry"),
    (offsets::I_MODE, "inode", "i_mode"),
    (offsets::MOUNT_MNT, "mount", "mnt"),
    (offsets::MNT_PARENT, "mount", "mnt_parent"),
    (offsets::MNT_POINT, "mount", "mnt_mountpoint"),
    (offsets::MNT_ROOT, "vfsmount", "mnt_root"),
    (offsets::D_PARENT, "dentry", "d_parent"),
    (offsets::D_NAME, "dentry", "d_name.name"),
    (offsets::D_LEN, "dentry", "d_name.len"),
    (offsets::SOCKET_SK, "socket", "sk"),
    (offsets::SK_ERR, "sock", "sk_err"),
    (offsets::SK_OMEM, "sock", "sk_omem_alloc"),
    (offsets::SK_STATE, "sock", "__sk_common.skc_state"),
    (offsets::SK_NUM, "sock", "__sk_common.skc_num"),
    (offsets::SK_PROTOCOL, "sock", "sk_protocol"),
    (offsets::TCP_SPORT, "tcp_sock", "inet_conn.icsk_inet.inet_sport"),
    (offsets::TCP_RETRANSMITS, "tcp_sock", "inet_conn.icsk_retransmits"),
    (offsets::SKB_SK, "sk_buff", "sk"),
    (offsets::SKB_MARK, "sk_buff", "mark"),
    (offsets::SKB_HEAD, "sk_buff", "head"),
    (offsets::SKB_END, "sk_buff", "end"),
    (offsets::GSO_SEGS, "skb_shared_info", "gso_segs"),
    (offsets::SYSCALL_NR, "pt_regs", if cfg!(target_arch = "aarch64") { "syscallno" } else { "orig_ax" }),
    (offsets::TASK_FLAGS, "task_struct", "flags"),
    (
        offsets::TASK_COMPAT,
        "task_struct",
        if cfg!(target_arch = "aarch64") { "thread_info.flags" } else { "thread_info.status" },
    ),
    (offsets::TASK_SIGNAL, "task_struct", "signal"),
    (offsets::SIGNAL_LIVE, "signal_struct", "live.counter"),
];

/// The value of each variable in this kernel, in bytes.
///
/// # Errors
/// The kernel lacks a structure or a field.
pub fn offsets_in(kernel: &Btf) -> Result<Vec<(&'static str, u32)>> {
    FIELDS.into_iter().map(|(global, name, path)| Ok((global, kernel.offset(name, path)?))).collect()
}
