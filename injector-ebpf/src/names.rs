//! Names of maps and programs. At most 15 characters: the kernel keeps no more (`BPF_OBJ_NAME_LEN`), and a
//! halt without a daemon finds our maps by name.

/// The map that a halt without a daemon looks for.
pub const HALT: &str = "INJ_HALT";
/// Array of one [`crate::gate::Lease`].
pub const LEASE: &str = "INJ_LEASE";
/// Array of [`crate::rule::Rule`].
pub const RULES: &str = "INJ_RULES";
/// Trie of peers, with bit masks of rules.
pub const PEERS: &str = "INJ_PEERS";
/// Array of [`crate::rule::PortBlock`].
pub const PORT_RULES: &str = "INJ_PORT_RULES";
/// Trie of [`crate::rule::Name`] with [`crate::rule::NameRules`].
pub const NAMES: &str = "INJ_NAMES";
/// Array of what each rule's draws have left.
pub const DRAWS: &str = "INJ_DRAWS";
/// Array of [`crate::rule::Delays`].
pub const DELAYS: &str = "INJ_DELAYS";
/// Array of deadlines in ticks, one for each rule.
pub const DEADLINES: &str = "INJ_DEADLINES";
/// Array of [`crate::rule::RuleStats`].
pub const STATS: &str = "INJ_STATS";
/// Array of [`crate::meter::Meter`].
pub const METERS: &str = "INJ_METERS";
/// Array of [`crate::meter::MeterUse`].
pub const METER_USE: &str = "INJ_METER_USE";
/// Hash of protected uids.
pub const USERS: &str = "INJ_USERS";
/// Hash of the indexes of protected interfaces.
pub const INTERFACES: &str = "INJ_INTERFACES";
/// Per-CPU hash from cgroup id to [`crate::rtt::Aggregate`].
pub const CG_AGGREGATES: &str = "INJ_CG_AGGR";
/// Hash of local ends of the targets' sockets, [`crate::flow::End`].
pub const ENDS: &str = "INJ_ENDS";
/// Array of one [`crate::rule::GateStats`].
pub const GATE_STATS: &str = "INJ_GATE_STATS";
/// Hash from cgroup id to [`crate::rule::CgroupEntry`].
pub const CGROUPS: &str = "INJ_CGROUPS";
/// Bitmap of protected ports, 1,024 words.
pub const PORTS: &str = "INJ_PORTS";
/// Trie of protected addresses.
pub const ADDRESSES: &str = "INJ_ADDRESSES";
/// Hash of protected process ids.
pub const TASKS: &str = "INJ_TASKS";
/// The programs behind the clsact stubs: empties itself when the daemon's descriptor goes.
pub const PROGS: &str = "INJ_PROGS";
/// Socket storage: [`crate::flow::Flow`].
pub const FLOWS: &str = "INJ_FLOWS";
/// Socket storage: [`crate::flow::Seen`].
pub const SEEN: &str = "INJ_SEEN";
/// Per-CPU array of [`crate::rtt::Aggregate`].
pub const AGGREGATES: &str = "INJ_AGGR";
/// Array of [`crate::rtt::Near`], which can be mapped, so many for each CPU as [`crate::rtt::NEAR`] says.
pub const CG_NEAR: &str = "INJ_CG_NEAR";
/// Hash of [`crate::flow::DepKey`] to [`crate::flow::DepValue`].
pub const DEPS: &str = "INJ_DEPS";
/// Hash from cgroup id to [`crate::flow::DepValue`]: what found no place in [`DEPS`].
pub const DEPS_REST: &str = "INJ_DEPS_REST";
/// Array of [`crate::rtt::FlowRtt`], which can be mapped.
pub const FLOW_RTT: &str = "INJ_FLOW_RTT";
/// Array of two `u64`: how often the daemon has changed what it says of cgroups; and not 0 if all are observed.
pub const GENERATION: &str = "INJ_GENERATION";
/// Per-CPU array of [`crate::flow::Rest`].
pub const REST: &str = "INJ_REST";
/// Array of [`crate::flow::Flow`]: what was read.
pub const READ: &str = "INJ_READ";
/// Array of one `u64`: how many flows were read.
pub const READ_AT: &str = "INJ_READ_AT";
/// Map.
pub const SLOTS: &str = "INJ_SLOTS";
/// Array of one [`crate::flow::FlowStats`].
pub const FLOW_STATS: &str = "INJ_FLOW_STATS";
/// Array of one `u64`: how many flows may be open.
pub const FLOW_LIMIT: &str = "INJ_FLOW_LIMIT";
/// Array of [`crate::call_means::CallShape`], one for each number of a call.
pub const CALL_SHAPES: &str = "INJ_CALL_SHAPES";
/// Ring buffer of [`crate::event::Event`].
pub const EVENTS: &str = "INJ_EVENTS";
/// Array of one `u64`: events for which the ring had no room.
pub const EVENTS_FULL: &str = "INJ_EVENTS_FULL";
/// Array of `u64` hit by the no-op programs of `injector doctor`.
pub const PROBE: &str = "INJ_PROBE";

/// Array of `u32`: the call that each operation of io_uring is, plus one.
pub const RING_CALLS: &str = "INJ_RING_CALLS";

/// Index in [`PROGS`] of [`EGRESS`].
pub const PROG_EGRESS: u32 = 0;
/// Index in [`PROGS`] of [`INGRESS`].
pub const PROG_INGRESS: u32 = 1;
/// Index in [`PROGS`] of [`FORGE`].
pub const PROG_FORGE: u32 = 2;
/// Index in [`PROGS`] of [`DNS`].
pub const PROG_DNS: u32 = 3;
/// Index in [`PROGS`] of [`GARBLE`].
pub const PROG_GARBLE: u32 = 4;
/// Index in [`PROGS`] of [`TWIN`].
pub const PROG_TWIN: u32 = 5;

/// Programs.
pub const BEAT: &str = "inj_beat";
/// Everything that is decided at tc egress.
pub const EGRESS: &str = "inj_egress";
/// The clsact stub in front of [`EGRESS`].
pub const EGRESS_STUB: &str = "inj_eg_stub";
/// Everything that is decided at tc ingress.
pub const INGRESS: &str = "inj_ingress";
/// The clsact stub in front of [`INGRESS`].
pub const INGRESS_STUB: &str = "inj_in_stub";
/// Loss at cgroup ingress.
pub const INGRESS_DROP: &str = "inj_drop_in";
/// Loss at cgroup egress, of which the sender is told.
pub const EGRESS_DROP: &str = "inj_drop_out";
/// Forges RSTs.
pub const FORGE: &str = "inj_forge";
/// Answers DNS queries.
pub const DNS: &str = "inj_dns";
/// Changes payloads.
pub const GARBLE: &str = "inj_garble";
/// Sends packets twice.
pub const TWIN: &str = "inj_twin";
/// The classifiers that send a packet to a rule's device, on its way out: `inj_to_dev0` to `inj_to_dev15`.
pub const TO_DEVICE: &str = "inj_to_dev";
/// The same on its way in: `inj_in_dev0` to `inj_in_dev15`.
pub const IN_DEVICE: &str = "inj_in_dev";
/// open fails, by the BPF LSM hook.
pub const OPEN_LSM: &str = "inj_open_lsm";
/// Calls fail at an LSM hook inside of them.
pub const CALL_LSM: &str = "inj_call_lsm";
/// connect fails by a cgroup's hooks.
pub const CONNECT: [&str; 2] = ["inj_connect4", "inj_connect6"];
/// bind fails by a cgroup's hooks.
pub const BIND: [&str; 2] = ["inj_bind4", "inj_bind6"];
/// Datagrams that are sent to an address fail by a cgroup's hooks.
pub const SENDMSG: [&str; 2] = ["inj_sendmsg4", "inj_sendmsg6"];
/// socket fails by a cgroup's hook.
pub const SOCKET: &str = "inj_sock";
/// Counts calls of 32-bit programs that pass by.
pub const COMPAT: &str = "inj_compat";
/// Counts what is asked of io_uring and passes by.
pub const URING: &str = "inj_uring";
/// Counts descriptors that are closed after a call on them failed.
pub const CLOSE: &str = "inj_close";
/// Calls fail at their entry, by kprobe and override.
pub const CALL_KPROBE: &str = "inj_call_kp";
/// Calls fail at their entry, by fmod_ret.
pub const CALL_RETURN: &str = "inj_call_ret";
/// No-op for the probe of the LSM hook.
pub const PROBE_LSM: &str = "inj_probe_lsm";
/// No-op for the probe of fmod_ret.
pub const PROBE_RETURN: &str = "inj_probe_ret";
/// No-op for the probe of kprobe override.
pub const PROBE_OVERRIDE: &str = "inj_probe_ovr";
/// An empty classifier: the probe for tc, and what costs are measured against.
pub const EMPTY_TC: &str = "inj_empty_tc";
/// Goes through the entry of a call, again and again: for measurements only.
pub const MEASURED: &str = "inj_measured";
/// The same without it: what costs are measured against.
pub const MEASURED_NOTHING: &str = "inj_measured_0";
/// How often these two do that in one run.
pub const MEASURED_ROUNDS: u32 = 1000;
/// `tcp_probe`, for each segment so many times: loaded by `cargo xtask bench` only.
pub const MEASURED_TCP: &str = "inj_measured_tcp";
/// How many samples that program takes in a run.
pub const MEASURED_SAMPLES: u32 = 16;
/// Counts what a watched cgroup sends.
pub const OBSERVE_TX: &str = "inj_obs_tx";
/// Counts what a watched cgroup receives.
pub const OBSERVE_RX: &str = "inj_obs_rx";
/// RTT samples and buffer fill.
pub const TCP_PROBE: &str = "inj_tcp_probe";
/// Retransmits.
pub const TCP_RETRANSMIT: &str = "inj_tcp_retr";
/// Adds a flow that ends to its dependency.
pub const TCP_STATE: &str = "inj_tcp_state";
/// Adds a socket of an observed cgroup that is closed to its dependency, if it is not TCP.
pub const RELEASED: &str = "inj_released";
/// Counts what goes out by an interface and is no flow's.
pub const REST_TX: &str = "inj_rest_tx";
/// The same on the way in.
pub const REST_RX: &str = "inj_rest_rx";
/// Writes all flows to [`READ`].
pub const ITER_FLOWS: &str = "inj_iter_flows";

/// Array of one [`crate::dep::DepLost`].
pub const DEP_LOST: &str = "INJ_DEP_LOST";
/// Hash of [`crate::dep::TimeKey`] to [`crate::dep::Times`].
pub const DEP_TIMES: &str = "INJ_DEP_TIMES";
/// Hash of [`crate::dep::CountKey`] to `u64`.
pub const DEP_COUNTS: &str = "INJ_DEP_COUNTS";
/// Hash of [`crate::dep::QueryKey`] to [`crate::dep::Query`].
pub const DEP_QUERIES: &str = "INJ_DEP_QUERY";
/// Requests on their way out.
pub const DEP_TX: &str = "inj_dep_tx";
/// Answers on their way in.
pub const DEP_RX: &str = "inj_dep_rx";
/// Handshakes and connects that fail.
pub const DEP_STATE: &str = "inj_dep_state";
/// Retransmission timeouts.
pub const DEP_TIMEOUT: &str = "inj_dep_rto";
/// Resets that are sent.
pub const DEP_RESET_OUT: &str = "inj_dep_rst_tx";
/// Resets that are received.
pub const DEP_RESET_IN: &str = "inj_dep_rst_rx";
/// Packets that the kernel drops.
pub const DEP_DROP: &str = "inj_dep_drop";
/// Connections that are accepted.
pub const DEP_ACCEPT: &str = "inj_dep_accept";
/// The same before 6.10.
pub const DEP_ACCEPT4: &str = "inj_dep_accept4";
/// Program: gives room on a socket back to its own program.
pub const ROOM: &str = "inj_room";
/// The same for filters.
pub const ROOM_FILTER: &str = "inj_room_filter";

/// Counts processes of a target that end after a call of theirs was failed.
pub const TASK_EXIT: &str = "inj_task_exit";
/// Counts programs that begin again after that.
pub const TASK_EXEC: &str = "inj_task_exec";

/// Hash of [`crate::lag::LagKey`] to [`crate::lag::Lag`].
pub const LAGS: &str = "INJ_LAGS";
/// Hash of addresses of requests to [`crate::lag::InFlight`].
pub const IN_FLIGHT: &str = "INJ_IN_FLIGHT";
/// Hash of tasks to since when they wait.
pub const WAITING: &str = "INJ_WAITING";
/// Array of one [`crate::lag::LagLost`].
pub const LAG_LOST: &str = "INJ_LAG_LOST";
/// Requests to block devices, from the scheduler's queue to their end: what is attached to see them.
pub const IO: [&str; 5] = ["inj_io_queue", "inj_io_issue", "inj_io_again", "inj_io_merge", "inj_io_done"];
/// Tasks that wait for a CPU: what is attached to see them.
pub const RUN_QUEUE: [&str; 3] = ["inj_cpu_wake", "inj_cpu_new", "inj_cpu_switch"];

/// Tracepoints' and kernel structures' offsets, patched into the programs' read-only data by the loader.
pub mod offsets {
    /// `sock.sk_cgrp_data.cgroup`
    pub const SK_CGROUP: &str = "OFF_SK_CGROUP";
    /// `cgroup.kn`
    pub const CGROUP_KN: &str = "OFF_CGROUP_KN";
    /// `kernfs_node.id`
    pub const KN_ID: &str = "OFF_KN_ID";
    /// `tcp_sock.srtt_us`
    pub const SRTT: &str = "OFF_SRTT";
    /// `tcp_sock.mdev_us`
    pub const MDEV: &str = "OFF_MDEV";
    /// `tcp_sock.snd_una`
    pub const SND_UNA: &str = "OFF_SND_UNA";
    /// `tcp_sock.segs_out`
    pub const SEGS_OUT: &str = "OFF_SEGS_OUT";
    /// `sock.sk_wmem_queued`
    pub const WMEM: &str = "OFF_WMEM";
    /// `sock.sk_sndbuf`
    pub const SNDBUF: &str = "OFF_SNDBUF";
    /// `sock.__sk_common.skc_family`
    pub const FAMILY: &str = "OFF_FAMILY";
    /// `sock.__sk_common.skc_dport`
    pub const DPORT: &str = "OFF_DPORT";
    /// `sock.__sk_common.skc_daddr`
    pub const DADDR: &str = "OFF_DADDR";
    /// `sock.__sk_common.skc_v6_daddr`
    pub const DADDR6: &str = "OFF_DADDR6";
    /// `sock.sk_uid`
    pub const SK_UID: &str = "OFF_SK_UID";
    /// `file.f_path`
    pub const F_PATH: &str = "OFF_F_PATH";
    /// `task_struct.group_leader`
    pub const GROUP_LEADER: &str = "OFF_GROUP_LEADER";
    /// `task_struct.comm`
    pub const COMM: &str = "OFF_COMM";
    /// `task_struct.files`
    pub const FILES: &str = "OFF_FILES";
    /// `task_struct.fs`
    pub const FS: &str = "OFF_FS";
    /// `fs_struct.root.mnt`
    pub const ROOT_MNT: &str = "OFF_ROOT_MNT";
    /// `fs_struct.root.dentry`
    pub const ROOT_DENTRY: &str = "OFF_ROOT_DENTRY";
    /// `files_struct.fdt`
    pub const FDT: &str = "OFF_FDT";
    /// `fdtable.max_fds`
    pub const MAX_FDS: &str = "OFF_MAX_FDS";
    /// `fdtable.fd`
    pub const FDS: &str = "OFF_FDS";
    /// `file.f_inode`
    pub const F_INODE: &str = "OFF_F_INODE";
    /// `file.private_data`
    pub const F_PRIVATE: &str = "OFF_F_PRIVATE";
    /// `file.f_path.mnt`
    pub const F_MNT: &str = "OFF_F_MNT";
    /// `file.f_path.dentry`
    pub const F_DENTRY: &str = "OFF_F_DENTRY";
    /// `inode.i_mode`
    pub const I_MODE: &str = "OFF_I_MODE";
    /// `mount.mnt`
    pub const MOUNT_MNT: &str = "OFF_MOUNT_MNT";
    /// `mount.mnt_parent`
    pub const MNT_PARENT: &str = "OFF_MNT_PARENT";
    /// `mount.mnt_mountpoint`
    pub const MNT_POINT: &str = "OFF_MNT_POINT";
    /// `vfsmount.mnt_root`
    pub const MNT_ROOT: &str = "OFF_MNT_ROOT";
    /// `dentry.d_parent`
    pub const D_PARENT: &str = "OFF_D_PARENT";
    /// `dentry.d_name.name`
    pub const D_NAME: &str = "OFF_D_NAME";
    /// `dentry.d_name.len`
    pub const D_LEN: &str = "OFF_D_LEN";
    /// `socket.sk`
    pub const SOCKET_SK: &str = "OFF_SOCKET_SK";
    /// `sock.sk_omem_alloc`
    pub const SK_OMEM: &str = "OFF_SK_OMEM";
    /// `sock.sk_err`
    pub const SK_ERR: &str = "OFF_SK_ERR";
    /// `sock.__sk_common.skc_state`
    pub const SK_STATE: &str = "OFF_SK_STATE";
    /// `sock.__sk_common.skc_num`
    pub const SK_NUM: &str = "OFF_SK_NUM";
    /// `sock.sk_protocol`
    pub const SK_PROTOCOL: &str = "OFF_SK_PROTOCOL";
    /// `tcp_sock.inet_conn.icsk_inet.inet_sport`
    pub const TCP_SPORT: &str = "OFF_TCP_SPORT";
    /// `tcp_sock.inet_conn.icsk_retransmits`
    pub const TCP_RETRANSMITS: &str = "OFF_TCP_RETRANSMITS";
    /// `sk_buff.sk`
    pub const SKB_SK: &str = "OFF_SKB_SK";
    /// `sk_buff.mark`
    pub const SKB_MARK: &str = "OFF_SKB_MARK";
    /// `sk_buff.head`
    pub const SKB_HEAD: &str = "OFF_SKB_HEAD";
    /// `sk_buff.end`
    pub const SKB_END: &str = "OFF_SKB_END";
    /// `skb_shared_info.gso_segs`
    pub const GSO_SEGS: &str = "OFF_GSO_SEGS";
    /// No offset: not 0 if `kfree_skb` also tells which socket was to receive (since 6.11).
    pub const DROP_HAS_SOCKET: &str = "DROP_HAS_SOCKET";
    /// Not an offset either: so much may be charged to a socket before what we keep on it goes, in bytes.
    pub const OPTMEM_ROOM: &str = "OPTMEM_ROOM";
    /// `pt_regs.orig_ax` (x86_64), `pt_regs.syscallno` (aarch64)
    pub const SYSCALL_NR: &str = "OFF_SYSCALL_NR";
    /// `task_struct.flags`
    pub const TASK_FLAGS: &str = "OFF_TASK_FLAGS";
    /// `task_struct.thread_info.status` (x86_64), `task_struct.thread_info.flags` (aarch64)
    pub const TASK_COMPAT: &str = "OFF_TASK_COMPAT";
    /// `task_struct.signal`
    pub const TASK_SIGNAL: &str = "OFF_TASK_SIGNAL";
    /// `io_kiocb.opcode`
    pub const IO_OPCODE: &str = "OFF_IO_OPCODE";
    /// `task_struct.cgroups`
    pub const TASK_CGROUPS: &str = "OFF_TASK_CGROUPS";
    /// `css_set.dfl_cgrp`
    pub const CSS_SET_DFL: &str = "OFF_CSS_SET_DFL";
    /// `task_struct.pid`
    pub const TASK_PID: &str = "OFF_TASK_PID";
    /// `task_struct.on_cpu`
    pub const TASK_ON_CPU: &str = "OFF_TASK_ON_CPU";
    /// `request.bio`
    pub const RQ_BIO: &str = "OFF_RQ_BIO";
    /// `request.cmd_flags`
    pub const RQ_FLAGS: &str = "OFF_RQ_FLAGS";
    /// `request.__data_len`
    pub const RQ_LEN: &str = "OFF_RQ_LEN";
    /// `bio.bi_blkg`
    pub const BIO_BLKG: &str = "OFF_BIO_BLKG";
    /// `blkcg_gq.blkcg`
    pub const BLKG_BLKCG: &str = "OFF_BLKG_BLKCG";
    /// `blkcg.css.cgroup`
    pub const BLKCG_CGROUP: &str = "OFF_BLKCG_CGROUP";
    /// `css_set.subsys`, at the io controller
    pub const CSS_SET_IO: &str = "OFF_CSS_SET_IO";
    /// `cgroup.root`
    pub const CGROUP_ROOT: &str = "OFF_CGROUP_ROOT";
    /// No offset: not 0 if this kernel has the io controller (CONFIG_BLK_CGROUP).
    pub const HAS_IO_CGROUPS: &str = "HAS_IO_CGROUPS";
    /// `signal_struct.live`
    pub const SIGNAL_LIVE: &str = "OFF_SIGNAL_LIVE";
}
