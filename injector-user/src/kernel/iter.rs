//! Reads all flows: they live in sockets, and only an iterator over the socket storage reaches them all.
//!
//! The program is an object of its own (`injector-ebpf/src/read`): the room into which the kernel writes the flows is
//! a map in our memory, as large as it must be. By raw bpf(2): `Iter::attach` of aya 0.14 cannot say which map to walk, and
//! its loader reads all types of the kernel each time, which takes longer than all the rest of a first look at flows.

use std::{
    collections::HashMap,
    fs::File,
    io::{ErrorKind, Read as _},
    num::NonZeroUsize,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, bail, ensure};
use aya::maps::{Array, Map, MapData};
use aya_obj::generated::bpf_map_type;
use injector_ebpf::{
    flow::Flow,
    names,
    rtt::{FlowRtt, HISTOGRAMS},
};

use super::{
    clock::ktime,
    mapped::Mapped,
    object::Object,
    typed::{Type, Typed},
};

static READER: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/reader.o"));

// enum bpf_cmd and enum bpf_attach_type, linux/bpf.h
const BPF_LINK_CREATE: libc::c_int = 28;
const BPF_ITER_CREATE: libc::c_int = 33;
const BPF_TRACE_ITER: u32 = 28;
const BPF_F_MMAPABLE: u32 = 1 << 10;
/// The room for flows at first: 640 KiB.
const FIRST_ROOM: u32 = 4096;
/// So many flows are in our memory at once: 640 KiB, whole pages of any size.
const WINDOW: usize = 4096;
/// Grown beyond this it is no host but a mistake: 1.3 GB.
const MOST_ROOM: u32 = 1 << 23;
/// A tick is up to 10 ms, and a clock may be slewed. By more than this it was set, or the host slept.
const SAME_CLOCK: Duration = Duration::from_millis(100);

/// `union bpf_attr`, the part for BPF_LINK_CREATE of an iterator.
#[repr(C)]
struct LinkCreate {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
    iter_info: u64,
    iter_info_len: u32,
    pad: u32,
}

/// `union bpf_attr`, the part for BPF_ITER_CREATE.
#[repr(C)]
struct IterCreate {
    link_fd: u32,
    flags: u32,
}

/// The iterator over the flows of an object. Its link holds program and map; dropping it detaches.
#[derive(Debug)]
pub struct FlowReader {
    flows: OwnedFd,
    rtt: OwnedFd,
    slots: OwnedFd,
    /// What the kernel calls such iterators.
    kind: u32,
    room: u32,
    expected: u32,
    walk: Walk,
    /// See [`FlowReader::epoch`].
    epoch: Option<SystemTime>,
}

/// The program with room for so many flows.
struct Walk {
    places: MapData,
    at: Array<MapData, u64>,
    flows: OwnedFd,
    #[cfg(test)]
    program: OwnedFd,
    room: usize,
}

impl std::fmt::Debug for Walk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk").field("room", &self.room).finish_non_exhaustive()
    }
}

fn array(name: &str, value: usize, room: u32, flags: u32) -> Result<MapData> {
    let (kind, key) = (bpf_map_type::BPF_MAP_TYPE_ARRAY as u32, size_of::<u32>() as u32);
    let array = aya_obj::Map::new_from_params(kind, key, u32::try_from(value)?, room, flags);
    MapData::create(array, name, None).context("the kernel refused the room for flows")
}

impl Walk {
    /// `flows` and `slots` are the maps of them.
    fn new(room: u32, kind: u32, flows: BorrowedFd<'_>, slots: BorrowedFd<'_>) -> Result<Self> {
        ensure!(!READER.is_empty(), "this binary was built without the kernel programs (cargo xtask setup)");
        let places = array(names::READ, size_of::<Flow>(), room, BPF_F_MMAPABLE)?;
        let at = array(names::READ_AT, size_of::<u64>(), 3, 0)?;
        let programs = Typed::new(READER, &[names::ITER_FLOWS], |name| match name {
            names::READ => Some(places.fd().as_fd().as_raw_fd()),
            names::READ_AT => Some(at.fd().as_fd().as_raw_fd()),
            names::SLOTS => Some(slots.as_raw_fd()),
            _ => None,
        })?;
        let program =
            programs.load(names::ITER_FLOWS, Type::Iterator, kind).context("loading the iterator")?;
        let flows = attach(program.as_fd(), flows).context("tie the iterator to the flows")?;
        Ok(Self {
            places,
            at: Array::try_from(Map::Array(at))?,
            flows,
            #[cfg(test)]
            program,
            room: room as usize,
        })
    }

    /// The flows from `first` on that are mapped at once.
    fn window(&self, first: usize) -> Result<Mapped> {
        let bytes = WINDOW.min(self.room - first) * size_of::<Flow>();
        let length = NonZeroUsize::new(bytes).context("no room for flows")?;
        Mapped::new(self.places.fd().as_fd(), first * size_of::<Flow>(), length)
            .context("mapping the room for flows")
    }

    /// Goes through all flows once. How many there are, or `None` if they are more than there is room for.
    fn go(&mut self) -> Result<Option<usize>> {
        (0..3).try_for_each(|at| self.at.set(at, 0, 0))?;
        let mut file = iterator(self.flows.as_fd())?;
        let mut nothing = [0; 64];
        loop {
            match file.read(&mut nothing) {
                Ok(0) => break,
                Ok(_) => bail!("the iterator over flows wrote something itself"),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                // A million sockets were passed, or there is no room.
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    if self.at.get(&0, 0)? as usize >= self.room {
                        return Ok(None);
                    }
                }
                Err(e) => return Err(e).context("read the flows"),
            }
        }
        Ok(Some(self.at.get(&0, 0)? as usize))
    }
}

impl FlowReader {
    /// Loads the iterator and ties it to the map of flows.
    ///
    /// # Errors
    /// The kernel refused program or link (`bpf_sk_storage_map` iterators exist since 5.9).
    pub fn new(object: &mut Object) -> Result<Self> {
        let (flows, rtt) = (object.map_fd(names::FLOWS)?, object.map_fd(names::FLOW_RTT)?);
        let kind = object.function("bpf_iter_bpf_sk_storage_map")?;
        let slots = object.map_fd(names::SLOTS)?;
        let walk = Walk::new(FIRST_ROOM, kind, flows.as_fd(), slots.as_fd())?;
        Ok(Self { flows, rtt, slots, kind, room: FIRST_ROOM, expected: 0, walk, epoch: None })
    }

    /// So many flows there will be: if there is no room for them, it is made at once and not by doubling it again and
    /// again, which takes a while each time.
    pub fn expect(&mut self, flows: u64) {
        let flows = u32::try_from(flows).unwrap_or(MOST_ROOM).min(MOST_ROOM);
        self.expected = flows.next_power_of_two();
    }

    /// Hands out all flows that are open now, some at a time, as the kernel keeps them. Those already added to a
    /// dependency are left out. Little of it is in our memory at once.
    ///
    /// Counters move while they are read: a flow is not a consistent cut through its own fields.
    ///
    /// # Errors
    /// The kernel refused the iterator or a read, or the room for so many flows.
    pub fn read(&mut self, mut each: impl FnMut(&[Flow])) -> Result<()> {
        let found = loop {
            if let Some(found) = self.walk.go()? {
                break found;
            }
            ensure!(self.room < MOST_ROOM, "more than {MOST_ROOM} flows");
            self.room = (self.room * 2).max(self.expected);
            self.walk = Walk::new(self.room, self.kind, self.flows.as_fd(), self.slots.as_fd())?;
        };
        for first in (0..found).step_by(WINDOW) {
            each(self.walk.window(first)?.values(found - first));
        }
        Ok(())
    }

    /// When `jiffies64` was 0, by this host's clock now: what its values in flows are counted from. `span` is how long so
    /// many ticks are. `None`: no reading has found a flow yet.
    ///
    /// Kept from reading to reading unless the clock was set, so that a flow that was not seen again was last seen at the
    /// same time in each.
    ///
    /// # Errors
    /// The kernel refused a read.
    pub fn epoch(&mut self, span: impl Fn(u64) -> Duration) -> Result<Option<SystemTime>> {
        let (ticks, nanos) = (self.walk.at.get(&1, 0)?, self.walk.at.get(&2, 0)?);
        let (now, clock) = (SystemTime::now(), ktime());
        let ago = clock.saturating_sub(Duration::from_nanos(nanos));
        let found = if ticks == 0 { None } else { now.checked_sub(ago + span(ticks)) };
        self.epoch = kept(self.epoch, found);
        Ok(self.epoch)
    }

    /// The same in memory of our own.
    ///
    /// # Errors
    /// As for [`FlowReader::read`].
    pub fn all(&mut self) -> Result<Vec<Flow>> {
        let mut flows = Vec::new();
        self.read(|some| flows.extend_from_slice(some))?;
        Ok(flows)
    }

    /// Its program, loaded.
    #[cfg(test)]
    pub fn program(&self) -> BorrowedFd<'_> {
        self.walk.program.as_fd()
    }

    /// Kernel memory of the room for what is read, in bytes.
    pub const fn room(&self) -> u64 {
        self.room as u64 * size_of::<Flow>() as u64
    }

    /// The RTT histograms of open flows, by the flow's cookie.
    ///
    /// # Errors
    /// There is no memory to map them.
    pub fn histograms(&self) -> Result<HashMap<u64, FlowRtt>> {
        #[cfg(test)]
        tests::ends::before_histograms();
        let length =
            NonZeroUsize::new(HISTOGRAMS as usize * size_of::<FlowRtt>()).context("no histograms")?;
        let mapped = Mapped::new(self.rtt.as_fd(), 0, length).context("mapping the histograms of flows")?;
        let all = mapped.each::<FlowRtt>(HISTOGRAMS as usize);
        Ok(all.filter(|rtt| rtt.cookie != 0).map(|rtt| (rtt.cookie, rtt)).collect())
    }
}

/// Which epoch holds after a reading: the one before it, unless the reading has `found` quite another one.
fn kept(before: Option<SystemTime>, found: Option<SystemTime>) -> Option<SystemTime> {
    let apart = |a: SystemTime, b| a.duration_since(b).unwrap_or_else(|earlier| earlier.duration());
    match (before, found) {
        (Some(before), Some(found)) if apart(before, found) >= SAME_CLOCK => Some(found),
        _ => before.or(found),
    }
}

fn iterator(link: BorrowedFd<'_>) -> Result<File> {
    let asked = IterCreate { link_fd: raw(link), flags: 0 };
    Ok(File::from(bpf(BPF_ITER_CREATE, &asked).context("start an iterator over the flows")?))
}

fn attach(program: BorrowedFd<'_>, map: BorrowedFd<'_>) -> Result<OwnedFd> {
    // `union bpf_iter_link_info` begins with the map's descriptor, and that is all of it that is needed.
    let info: u32 = raw(map);
    let asked = LinkCreate {
        prog_fd: raw(program),
        target_fd: 0,
        attach_type: BPF_TRACE_ITER,
        flags: 0,
        iter_info: (&raw const info) as u64,
        iter_info_len: size_of::<u32>() as u32,
        pad: 0,
    };
    bpf(BPF_LINK_CREATE, &asked)
}

/// A descriptor as bpf(2) wants it. Open descriptors are never negative.
fn raw(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

/// A command of bpf(2) that makes a descriptor (always close-on-exec).
fn bpf<T>(command: libc::c_int, attr: &T) -> Result<OwnedFd> {
    // SAFETY: `attr` and what it points to outlive the call, and the kernel is told its size.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attr), size_of::<T>()) };
    ensure!(fd >= 0, std::io::Error::last_os_error());
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(fd)?) })
}

#[cfg(test)]
#[path = "iter_tests.rs"]
mod tests;
