//! What this process holds in the kernel: its programs and maps, with their memory, and how long its programs ran.
//!
//! By its own descriptors and what /proc/self/fdinfo says of them: so nothing of ours can be forgotten here, whatever
//! loaded it.

use std::{
    collections::BTreeMap,
    fs,
    os::fd::{OwnedFd, RawFd},
};

use anyhow::{Context as _, Result};
use aya::sys::{Stats, enable_stats};

use super::query::object_name;

/// One of our programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Its name, 15 bytes at most.
    pub name: String,
    /// Bytes of kernel memory.
    pub bytes: u64,
    /// How often it ran while runs were counted, by whomever.
    pub runs: u64,
    /// For how long in all, nanoseconds.
    pub ns: u64,
    /// How often the kernel did not run it because it was running on that CPU already.
    pub misses: u64,
}

/// Everything of ours, by the kernel's id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Programs.
    pub programs: BTreeMap<u32, Program>,
    /// Bytes of kernel memory of each map.
    pub maps: BTreeMap<u32, u64>,
}

impl Own {
    /// Looks at all descriptors of this process. One that is closed meanwhile is left out.
    ///
    /// # Errors
    /// /proc/self cannot be read.
    pub fn look() -> Result<Self> {
        let mut own = Self::default();
        for entry in fs::read_dir("/proc/self/fd").context("our descriptors")? {
            let entry = entry.context("our descriptors")?;
            let Ok(what) = fs::read_link(entry.path()) else { continue };
            let kind = what.to_string_lossy();
            if !matches!(&*kind, "anon_inode:bpf-prog" | "anon_inode:bpf-map") {
                continue;
            }
            let name = entry.file_name();
            let Ok(fd) = name.to_string_lossy().parse::<RawFd>() else { continue };
            let Ok(text) = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")) else { continue };
            let number = |key: &str| number(&text, key).unwrap_or(0);
            let id = |key: &str| u32::try_from(number(key)).unwrap_or(0);
            if kind == "anon_inode:bpf-map" {
                own.maps.insert(id("map_id"), number("memlock"));
            } else {
                let program = Program {
                    name: object_name(fd, id("prog_id")).unwrap_or_default(),
                    bytes: number("memlock"),
                    runs: number("run_cnt"),
                    ns: number("run_time_ns"),
                    misses: number("recursion_misses"),
                };
                own.programs.insert(id("prog_id"), program);
            }
        }
        Ok(own)
    }
}

/// Counts runs while it is there. This costs every program on the host some 20 ns a run.
#[derive(Debug)]
pub struct Counting {
    _open: OwnedFd,
}

impl Counting {
    /// Begins.
    ///
    /// # Errors
    /// The kernel does not count (BPF_ENABLE_STATS, Linux 5.8).
    pub fn begin() -> Result<Self> {
        Ok(Self { _open: enable_stats(Stats::RunTime).context("counting the programs' runs")? })
    }
}

/// The number after `key:` in what fdinfo says.
fn number(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_whole_key() {
        let text = "pos:\t0\nprog_id:\t31\nmemlock:\t4096\nrun_time_ns:\t12345\nrun_cnt:\t67\n";
        assert_eq!([number(text, "run_cnt"), number(text, "memlock")], [Some(67), Some(4096)]);
        assert_eq!([number(text, "run"), number(text, "recursion_misses")], [None, None]);
    }
}
