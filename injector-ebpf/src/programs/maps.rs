//! Every map, declared once, named by what it holds. The names are those of `names.rs`.

use aya_ebpf::{
    bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC},
    btf_maps::SkStorage,
    macros::{btf_map, map},
    maps::{
        Array, HashMap, LpmTrie, LruHashMap, PerCpuArray, PerCpuHashMap, ProgramArray, RingBuf, lpm_trie::Key,
    },
};
use injector_ebpf::{
    call_means::CallShape,
    dep::{CountKey, DepLost, MOST_COUNTS, MOST_QUERIES, MOST_TIMES, Query, QueryKey, Span, TimeKey, Times},
    event::EVENT_ROOM,
    flow::{DepKey, DepValue, End, Flow, FlowStats, MOST_DEPS, RESTS, Rest, Seen},
    gate::{Halt, Lease},
    lag::{InFlight, Lag, LagKey, LagLost, MOST_IN_FLIGHT, MOST_LAGS, MOST_WAITING},
    meter::{METERS, Meter, MeterUse},
    reaction::{Failed, Gone, Name as Ended, OnDescriptor, Thread},
    rtt::{AGGREGATES, Aggregate, FlowRtt, HISTOGRAMS, NEAR, Near},
    rule::{
        CALLS, CgroupEntry, Delays, GateStats, MAX_PEERS, MAX_RULES, Name, NameRules, PORT_BLOCKS, PeerRules,
        PortBlock, Rule, RuleStats,
    },
    slot::{SLOTS, Slot},
};

use super::call_fd::Walk;

#[map]
pub static INJ_HALT: Array<Halt> = Array::with_max_entries(1, 0);
#[map]
pub static INJ_LEASE: Array<Lease> = Array::with_max_entries(1, 0);
#[map]
pub static INJ_RULES: Array<Rule> = Array::with_max_entries(MAX_RULES as u32, 0);
/// Which rules mean which peers, and leave out which, by the longest prefix.
#[map]
pub static INJ_PEERS: LpmTrie<[u32; 4], PeerRules> = LpmTrie::with_max_entries(MAX_PEERS, BPF_F_NO_PREALLOC);
/// Which rules cannot mean which ports.
#[map]
pub static INJ_PORT_RULES: Array<PortBlock> = Array::with_max_entries(PORT_BLOCKS, 0);
/// What each rule's draws have left.
#[map]
pub static INJ_DRAWS: Array<u64> = Array::with_max_entries(MAX_RULES as u32, 0);
/// How long packets were in each rule's device.
#[map]
pub static INJ_DELAYS: Array<Delays> = Array::with_max_entries(MAX_RULES as u32, 0);
#[map]
pub static INJ_DEADLINES: Array<u64> = Array::with_max_entries(MAX_RULES as u32, 0);
#[map]
pub static INJ_STATS: Array<RuleStats> = Array::with_max_entries(MAX_RULES as u32, 0);
#[map]
pub static INJ_METERS: Array<Meter> = Array::with_max_entries(METERS, 0);
#[map]
pub static INJ_METER_USE: Array<MeterUse> = Array::with_max_entries(METERS, 0);
#[map]
pub static INJ_GATE_STATS: PerCpuArray<GateStats> = PerCpuArray::with_max_entries(1, 0);
#[map]
pub static INJ_CGROUPS: HashMap<u64, CgroupEntry> = HashMap::with_max_entries(4096, 0);
#[map]
pub static INJ_PORTS: Array<u64> = Array::with_max_entries(1024, 0);
#[map]
pub static INJ_ADDRESSES: LpmTrie<[u32; 4], u8> = LpmTrie::with_max_entries(1024, BPF_F_NO_PREALLOC);
#[map]
pub static INJ_TASKS: HashMap<u32, u8> = HashMap::with_max_entries(4096, 0);
#[map]
pub static INJ_USERS: HashMap<u32, u8> = HashMap::with_max_entries(256, 0);
/// Indexes of protected interfaces, for the hooks that do not hang on an interface.
#[map]
pub static INJ_INTERFACES: HashMap<u32, u8> = HashMap::with_max_entries(256, 0);
/// Where targets are reached. The oldest goes when it is full.
#[map]
pub static INJ_ENDS: LruHashMap<End, u8> = LruHashMap::with_max_entries(8192, 0);
#[map]
pub static INJ_PROGS: ProgramArray = ProgramArray::with_max_entries(8, 0);
#[map]
pub static INJ_AGGR: PerCpuArray<Aggregate> = PerCpuArray::with_max_entries(AGGREGATES as u32, 0);
/// The sums of cgroups, by CPU; the loader says for how many.
#[map]
pub static INJ_CG_NEAR: Array<Near> = Array::with_max_entries(NEAR, BPF_F_MMAPABLE);
/// Of those that have no place there. Made when a cgroup's first packet comes: most cgroups have none.
#[map]
pub static INJ_CG_AGGR: PerCpuHashMap<u64, Aggregate> =
    PerCpuHashMap::with_max_entries(512, BPF_F_NO_PREALLOC);
/// A cgroup's first value: the stack has 512 bytes. Never written, so always zero.
#[map]
pub static INJ_ZERO_AGGR: Array<Aggregate> = Array::with_max_entries(1, 0);
/// What ended, by dependency.
#[map]
pub static INJ_DEPS: HashMap<DepKey, DepValue> = HashMap::with_max_entries(MOST_DEPS, BPF_F_NO_PREALLOC);
/// What of a cgroup found no place there: so nothing is lost to the sums.
#[map]
pub static INJ_DEPS_REST: HashMap<u64, DepValue> = HashMap::with_max_entries(4096, BPF_F_NO_PREALLOC);
/// How often the daemon has changed what it says of cgroups; and not 0 if all are observed.
#[map]
pub static INJ_GENERATION: Array<u64> = Array::with_max_entries(2, 0);
/// Packets at interfaces that no flow counts.
#[map]
pub static INJ_REST: PerCpuArray<Rest> = PerCpuArray::with_max_entries(RESTS as u32, 0);
/// Counts of flows by the socket's number. What can be mapped begins at a page: each is one cache line.
#[map]
pub static INJ_SLOTS: Array<Slot> = Array::with_max_entries(SLOTS, BPF_F_MMAPABLE);
/// RTT histograms of flows.
#[map]
pub static INJ_FLOW_RTT: Array<FlowRtt> = Array::with_max_entries(HISTOGRAMS, BPF_F_MMAPABLE);
#[map]
pub static INJ_FLOW_STATS: Array<FlowStats> = Array::with_max_entries(1, 0);
#[map]
pub static INJ_FLOW_LIMIT: Array<u64> = Array::with_max_entries(1, 0);
#[map]
pub static INJ_PROBE: Array<u64> = Array::with_max_entries(2, 0);
/// Rooms for paths (PATH_MAX): the stack has 512 bytes.
#[map]
pub static INJ_PATH: PerCpuArray<[u8; PATH_ROOM]> = PerCpuArray::with_max_entries(PATH_ROOMS, 0);
/// Not 0 while somebody on this CPU uses the room: a task may be preempted in a program.
#[map]
pub static INJ_PATH_USED: PerCpuArray<u64> = PerCpuArray::with_max_entries(PATH_ROOMS, 0);
/// Where a file's path is put together; used with the room for a path.
#[map]
pub static INJ_WALK: PerCpuArray<Walk> = PerCpuArray::with_max_entries(PATH_ROOMS, 0);
/// Where the arguments of each call are.
#[map]
pub static INJ_CALL_SHAPES: Array<CallShape> = Array::with_max_entries(CALLS as u32, 0);
/// What became of first fragments: the oldest goes when it is full.
#[map]
pub static INJ_FRAGMENTS: LruHashMap<[u32; 10], u64> = LruHashMap::with_max_entries(1024, 0);
/// Room for a DNS name (255 bytes), reached by an index of 8 bits.
#[map]
pub static INJ_NAME: PerCpuArray<[u8; 256]> = PerCpuArray::with_max_entries(1, 0);
/// Room for the key of a name.
#[map]
pub static INJ_NAME_KEY: PerCpuArray<NameKey> = PerCpuArray::with_max_entries(1, 0);
/// Which rules mean which DNS names.
#[map]
pub static INJ_NAMES: LpmTrie<Name, NameRules> =
    LpmTrie::with_max_entries(MAX_RULES as u32 * 8, BPF_F_NO_PREALLOC);
/// Where a pointer becomes a number.
#[map]
pub static INJ_LAUNDRY: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);
/// Room for a dependency's first value: the stack has 512 bytes. Never written, so always zero.
#[map]
pub static INJ_ZERO_DEP: Array<DepValue> = Array::with_max_entries(1, 0);
/// Threads of which a call was failed, by rule (upper half) and thread. The oldest goes when it is full.
#[map]
pub static INJ_THREADS: LruHashMap<u64, Thread> = LruHashMap::with_max_entries(4096, 0);
/// Processes of which a call was failed, by rule (upper half) and process. The oldest goes when it is full.
#[map]
pub static INJ_FAILED: LruHashMap<u64, Failed> = LruHashMap::with_max_entries(4096, 0);
/// Descriptors on which a call was failed, by process (upper half) and descriptor. The oldest goes when it is full.
#[map]
pub static INJ_CLOSES: LruHashMap<u64, OnDescriptor> = LruHashMap::with_max_entries(4096, 0);
/// The call that each operation of io_uring is, plus one; 0: none.
#[map]
pub static INJ_RING_CALLS: Array<u32> = Array::with_max_entries(256, 0);
/// Names of processes that ended after that. The oldest goes when it is full.
#[map]
pub static INJ_GONE: LruHashMap<Ended, Gone> = LruHashMap::with_max_entries(1024, 0);
/// Failed calls, told one by one.
#[map]
pub static INJ_EVENTS: RingBuf = RingBuf::with_byte_size(EVENT_ROOM, 0);
/// How many of these found no room.
#[map]
pub static INJ_EVENTS_FULL: Array<u64> = Array::with_max_entries(1, 0);

/// Latencies of each dependency, by kind. Made when the first sample comes.
#[map]
pub static INJ_DEP_TIMES: HashMap<TimeKey, Times> = HashMap::with_max_entries(MOST_TIMES, BPF_F_NO_PREALLOC);
/// A dependency's first latencies: the stack has 512 bytes. Never written, so always zero.
#[map]
pub static INJ_ZERO_TIMES: Array<Times> = Array::with_max_entries(1, 0);
/// What went wrong with each dependency, and how often.
#[map]
pub static INJ_DEP_COUNTS: HashMap<CountKey, u64> = HashMap::with_max_entries(MOST_COUNTS, BPF_F_NO_PREALLOC);
/// DNS queries that were not answered yet.
#[map]
pub static INJ_DEP_QUERY: HashMap<QueryKey, Query> =
    HashMap::with_max_entries(MOST_QUERIES, BPF_F_NO_PREALLOC);
#[map]
pub static INJ_DEP_LOST: Array<DepLost> = Array::with_max_entries(1, 0);

/// How long the requests and tasks of each cgroup waited. The daemon makes the places.
#[map]
pub static INJ_LAGS: HashMap<LagKey, Lag> = HashMap::with_max_entries(MOST_LAGS, BPF_F_NO_PREALLOC);
/// Requests to block devices that are on their way.
#[map]
pub static INJ_IN_FLIGHT: HashMap<u64, InFlight> = HashMap::with_max_entries(MOST_IN_FLIGHT, 0);
/// Since when a task waits for a CPU, in nanoseconds. Its places are made beforehand: see `lag_cpu.rs`.
#[map]
pub static INJ_WAITING: HashMap<u32, u64> = HashMap::with_max_entries(MOST_WAITING, 0);
#[map]
pub static INJ_LAG_LOST: Array<LagLost> = Array::with_max_entries(1, 0);

#[btf_map]
pub static INJ_DEP_SPANS: SkStorage<Span> = SkStorage::new();
#[btf_map]
pub static INJ_FLOWS: SkStorage<Flow> = SkStorage::new();
#[btf_map]
pub static INJ_SEEN: SkStorage<Seen> = SkStorage::new();

/// A name, as the trie is asked for it.
pub type NameKey = Key<Name>;

/// So many rooms for paths each CPU has: as many tasks may be in the middle of a program there, preempted or running.
pub const PATH_ROOMS: u32 = 8;
/// PATH_MAX of the kernel.
pub const PATH_ROOM: usize = 4096;
/// A path, and what of a name (NAME_MAX) could be written behind it as far as the verifier sees; whole words.
pub const NAMES_ROOM: usize = PATH_ROOM + 264;

/// The address that the raw helpers take for a map.
#[inline(always)]
pub fn raw<T>(map: &'static T) -> *mut core::ffi::c_void {
    core::ptr::from_ref(map).cast_mut().cast()
}
