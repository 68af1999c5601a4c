//! The loaded programs and their maps: the only place that knows aya's types by name.

mod programs;
/// Named as what runs in guests as well.
#[cfg(test)]
mod tests_verifier;

use std::{
    collections::{BTreeSet, HashSet},
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use aya::{
    Ebpf, Pod, TestRun as _,
    maps::{Array, HashMap, LpmTrie, Map, MapData, PerCpuArray, PerCpuHashMap, SkStorage, lpm_trie},
    programs::TestRunOptions,
};
use aya_log::EbpfLogger;
use aya_obj::btf::BtfKind;
use injector_ebpf::{
    ABI_VERSION,
    gate::{BEAT_LAPSED, BEAT_OK, BeatRequest, GATE_MAGIC, Halt},
    names::{self, offsets},
};

use syscalls::Sysno;

use super::{
    btf::Btf, fields, hook_function, lag_fields::lag_offsets, loader::loader, near, probes::Probes, rings,
    security_function, shapes, storage, syscall_function, typed::Typed, types,
};
use crate::plan::lsm_hooks;

pub(super) static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/injector.o"));

/// The programs that aya does not know, or does not attach as they are needed.
const TYPED: [&str; 7] = [
    names::CALL_RETURN,
    names::PROBE_RETURN,
    names::CALL_LSM,
    names::OPEN_LSM,
    names::PROBE_LSM,
    names::COMPAT,
    names::CLOSE,
];

/// The programs in this kernel. Dropping it detaches and unloads everything: nothing is ever pinned.
pub struct Object {
    ebpf: Ebpf,
    /// The programs that aya does not know.
    typed: OnceLock<Typed>,
    /// System calls that this kernel has not.
    missing: BTreeSet<&'static str>,
    /// LSM hooks that this kernel has not.
    missing_hooks: BTreeSet<&'static str>,
    /// The same, of the functions that ask all LSMs.
    missing_security: BTreeSet<&'static str>,
    /// The functions of the calls of 32-bit programs.
    compat: HashSet<String>,
    /// It has io_uring.
    has_rings: bool,
    /// Why it cannot be told how long requests and tasks wait.
    no_lags: Option<String>,
    /// What differs between kernels in what is observed.
    probes: Probes,
    /// Ticks of `jiffies64` in a second.
    hz: u64,
    /// What the programs say.
    log: EbpfLogger<&'static dyn log::Log>,
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Object").field("hz", &self.hz).finish_non_exhaustive()
    }
}

/// The kernel's tick rate. User space cannot read jiffies; the coarse clock's resolution is one tick.
fn ticks_per_second() -> Result<u64> {
    let tick = nix::time::clock_getres(nix::time::ClockId::CLOCK_MONOTONIC_COARSE)?;
    let nanos = u64::try_from(tick.tv_nsec()).unwrap_or_default();
    ensure!(nanos > 0 && tick.tv_sec() == 0, "the coarse clock's resolution is {tick}, not a tick");
    Ok(1_000_000_000 / nanos)
}

fn missing(kernel: &Btf) -> BTreeSet<&'static str> {
    let names = Sysno::iter().map(|call| call.name());
    names.filter(|name| !kernel.has_call(&syscall_function(name))).collect()
}

impl Object {
    /// Creates the maps, with the halt word set: nothing can act before [`Object::lift`].
    ///
    /// # Errors
    /// The binary was built without the programs, the kernel has no BTF, or refuses a map.
    pub fn load(instance: u32) -> Result<Self> {
        ensure!(!OBJECT.is_empty(), "this binary was built without the kernel programs (cargo xtask setup)");
        let kernel = Btf::of_kernel()?;
        types::keep(kernel.bytes())?;
        let mut loader = loader();
        // Without io_uring nobody asks for it.
        let rings = kernel.offset("io_kiocb", "opcode");
        let has_rings = rings.is_ok();
        let own = Probes::of(&kernel)?;
        let mut offsets = fields::offsets_in(&kernel)?;
        offsets.push((offsets::IO_OPCODE, rings.unwrap_or_default()));
        offsets.push((offsets::DROP_HAS_SOCKET, u32::from(own.drop_has_socket)));
        offsets.push((offsets::OPTMEM_ROOM, storage::room()));
        let lags = lag_offsets(&kernel);
        offsets.extend(lags.iter().flatten());
        for (global, offset) in &offsets {
            loader.override_global(global, offset, true);
        }
        // Lines below this level are not even compiled in by the kernel: they cost nothing.
        let level = if tracing::enabled!(tracing::Level::DEBUG) { 4_u8 } else { 2 };
        loader.override_global(aya_log::LEVEL, &level, true);
        loader.map_max_entries(names::CG_NEAR, near::places()?);
        let mut ebpf = loader.load(OBJECT).context("the kernel refused the programs' maps")?;
        let log = EbpfLogger::init(&mut ebpf).context("the programs' log")?;
        let mut object = Self {
            ebpf,
            typed: OnceLock::new(),
            missing: missing(&kernel),
            missing_hooks: lsm_hooks().filter(|hook| !kernel.has_hook(&hook_function(hook))).collect(),
            missing_security: lsm_hooks().filter(|hook| !kernel.has_hook(&security_function(hook))).collect(),
            compat: kernel.compat(),
            has_rings,
            no_lags: lags.err().map(|error| format!("{error:#}")),
            probes: own,
            hz: ticks_per_second()?,
            log,
        };
        let halt = Halt { magic: GATE_MAGIC, abi: ABI_VERSION, instance, word: 1 };
        object.array::<Halt>(names::HALT)?.set(0, halt, 0)?;
        object.load_program(names::BEAT)?;
        shapes::write(&mut object)?;
        rings::write(&mut object)?;
        Ok(object)
    }

    /// Writes what the programs have said into our own log.
    pub fn flush_log(&mut self) {
        self.log.flush();
    }

    /// Durations in ticks, rounded up.
    pub fn ticks(&self, span: Duration) -> u64 {
        let ticks = (span.as_nanos() * u128::from(self.hz)).div_ceil(1_000_000_000);
        u64::try_from(ticks).unwrap_or(u64::MAX / 2)
    }

    /// How long so many ticks are.
    pub fn span(&self, ticks: u64) -> Duration {
        Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / self.hz))
    }

    /// Runs `beat`. `Ok(false)`: the lease has run out for good.
    ///
    /// # Errors
    /// The kernel refused the run, or the request was not one.
    pub fn beat(&mut self, op: u32, slot: u32, span: Duration) -> Result<bool> {
        let request = BeatRequest { op, slot, ticks: self.ticks(span), pad: [0; 6] };
        // SAFETY: `BeatRequest` is `repr(C)` without padding.
        let bytes: &[u8] = unsafe {
            std::slice::from_raw_parts((&raw const request).cast::<u8>(), size_of::<BeatRequest>())
        };
        let program = self.classifier(names::BEAT)?;
        let mut options = TestRunOptions::new();
        options.data_in = Some(bytes);
        match program.test_run(options)?.return_value {
            BEAT_OK => Ok(true),
            BEAT_LAPSED => Ok(false),
            other => bail!("beat answered {other} to operation {op}"),
        }
    }

    /// An array map.
    ///
    /// # Errors
    /// There is no such map, or its values have another size.
    pub fn array<V: Pod>(&mut self, name: &str) -> Result<Array<&mut MapData, V>> {
        Ok(Array::try_from(self.map(name)?)?)
    }

    /// A per-CPU array map.
    ///
    /// # Errors
    /// As for [`Object::array`].
    pub fn per_cpu<V: Pod>(&mut self, name: &str) -> Result<PerCpuArray<&mut MapData, V>> {
        Ok(PerCpuArray::try_from(self.map(name)?)?)
    }

    /// A hash map.
    ///
    /// # Errors
    /// As for [`Object::array`].
    pub fn hash<K: Pod, V: Pod>(&mut self, name: &str) -> Result<HashMap<&mut MapData, K, V>> {
        Ok(HashMap::try_from(self.map(name)?)?)
    }

    /// A per-CPU hash map.
    ///
    /// # Errors
    /// As for [`Object::array`].
    pub fn per_cpu_hash<K: Pod, V: Pod>(&mut self, name: &str) -> Result<PerCpuHashMap<&mut MapData, K, V>> {
        Ok(PerCpuHashMap::try_from(self.map(name)?)?)
    }

    /// A trie.
    ///
    /// # Errors
    /// As for [`Object::array`].
    pub fn trie<K: Pod, V: Pod>(&mut self, name: &str) -> Result<LpmTrie<&mut MapData, K, V>> {
        Ok(LpmTrie::try_from(self.map(name)?)?)
    }

    /// The storage of sockets.
    ///
    /// # Errors
    /// As for [`Object::array`].
    pub fn socket_storage<V: Pod>(&mut self, name: &str) -> Result<SkStorage<&mut MapData, V>> {
        Ok(SkStorage::try_from(self.map(name)?)?)
    }

    /// The file descriptor of a map.
    ///
    /// # Errors
    /// There is no such map.
    pub fn map_fd(&mut self, name: &str) -> Result<OwnedFd> {
        let map = match self.map(name)? {
            Map::SkStorage(data) | Map::Array(data) | Map::HashMap(data) => data,
            other => bail!("map {name} is of another type: {other:?}"),
        };
        Ok(map.fd().as_fd().try_clone_to_owned()?)
    }

    /// A map once more, as one of its own: for a reader beside this one.
    ///
    /// # Errors
    /// There is no such map, or no descriptor is left.
    pub fn beside(&mut self, name: &str) -> Result<Map> {
        let again = |data: &MapData| anyhow::Ok(MapData::from_fd(data.fd().as_fd().try_clone_to_owned()?)?);
        Ok(match self.map(name)? {
            Map::Array(data) => Map::Array(again(data)?),
            Map::RingBuf(data) => Map::RingBuf(again(data)?),
            other => bail!("map {name} is of another type: {other:?}"),
        })
    }

    /// The programs that aya does not know, with this object's maps; made when they are first needed.
    ///
    /// # Errors
    /// They use a map of a type that is used by no other program.
    pub fn typed(&self) -> Result<&Typed> {
        if let Some(typed) = self.typed.get() {
            return Ok(typed);
        }
        let made = self.make_typed()?;
        Ok(self.typed.get_or_init(|| made))
    }

    fn make_typed(&self) -> Result<Typed> {
        Typed::new(OBJECT, &TYPED, |name| {
            let data = match self.ebpf.map(name)? {
                Map::Array(data)
                | Map::PerCpuArray(data)
                | Map::HashMap(data)
                | Map::LruHashMap(data)
                | Map::PerCpuHashMap(data)
                | Map::LpmTrie(data)
                | Map::RingBuf(data)
                | Map::SkStorage(data) => data,
                _ => return None,
            };
            Some(data.fd().as_fd().as_raw_fd())
        })
    }

    /// What differs between kernels in what is observed.
    pub fn probes(&self) -> &Probes {
        &self.probes
    }

    /// Loads programs that tell how long requests or tasks wait.
    ///
    /// # Errors
    /// This kernel lacks what they look at, or refuses one.
    pub fn load_lags(&mut self, programs: &[&str]) -> Result<()> {
        match &self.no_lags {
            Some(why) => bail!("{why}"),
            None => programs.iter().try_for_each(|name| self.load_program(name)),
        }
    }

    /// System calls of this architecture that this kernel has not: newer ones.
    pub fn missing_calls(&self) -> &BTreeSet<&'static str> {
        &self.missing
    }

    /// LSM hooks that this kernel has not.
    pub fn missing_hooks(&self) -> &BTreeSet<&'static str> {
        &self.missing_hooks
    }

    /// The same, of the functions that ask all LSMs.
    pub fn missing_security(&self) -> &BTreeSet<&'static str> {
        &self.missing_security
    }

    /// The functions of the calls of 32-bit programs; none if this kernel runs none.
    pub fn compat(&self) -> &HashSet<String> {
        &self.compat
    }

    /// This kernel has io_uring.
    pub fn has_rings(&self) -> bool {
        self.has_rings
    }

    /// A kernel function's id in the kernel's BTF.
    ///
    /// # Errors
    /// This kernel has no such function.
    pub fn function(&self, name: &str) -> Result<u32> {
        Ok(types::of_kernel()?.id_by_type_name_kind(name, BtfKind::Func)?)
    }

    fn map(&mut self, name: &str) -> Result<&mut Map> {
        self.ebpf.map_mut(name).with_context(|| format!("the programs have no map {name}"))
    }

    /// Writes the halt word: 0 lets programs act.
    ///
    /// # Errors
    /// The kernel refused the write.
    pub fn set_halt(&mut self, word: u64) -> Result<()> {
        let mut halt = self.array::<Halt>(names::HALT)?;
        let mut value = halt.get(&0, 0)?;
        value.word = word;
        Ok(halt.set(0, value, 0)?)
    }

    /// The halt word, which another process may have written.
    ///
    /// # Errors
    /// The kernel refused the read.
    pub fn halt_word(&mut self) -> Result<u64> {
        Ok(self.array::<Halt>(names::HALT)?.get(&0, 0)?.word)
    }

    /// Marks an address range (128 bits, IPv4 mapped) as protected.
    ///
    /// # Errors
    /// The kernel refused the write.
    pub fn protect_address(&mut self, words: [u32; 4], prefix: u32) -> Result<()> {
        Ok(self.trie::<[u32; 4], u8>(names::ADDRESSES)?.insert(&lpm_trie::Key::new(prefix, words), 1, 0)?)
    }
}
