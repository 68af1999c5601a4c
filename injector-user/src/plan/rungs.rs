//! Which rung a system call fails by on this kernel, why no better one, and what it means.

use syscalls::Sysno;

use injector_ebpf::call_means::{CALL_COMM, CALL_PROCESS, CALL_UID};

use super::{Capabilities, hooks};
use crate::spec::{Rung, SyscallName};

/// What is to fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub name: SyscallName,
    /// The calls of it that this kernel has.
    pub calls: &'a [Sysno],
    /// Not its family.
    pub exact: bool,
    pub by_path: bool,
    /// It is to return 0.
    pub short: bool,
    /// What more is asked of the call: bits of [`injector_ebpf::call_means`].
    pub asks: u32,
}

/// What the hooks of a cgroup know beside the call: who makes it.
const CALLER: u32 = CALL_UID | CALL_COMM | CALL_PROCESS;

impl Wanted<'_> {
    /// Can this rung do it here?
    ///
    /// # Errors
    /// Why not, in words.
    pub(super) fn by(&self, rung: Rung, kernel: &Capabilities) -> Result<(), String> {
        if self.short && rung != Rung::Kprobe {
            return Err("it returns errors only, and 0 was asked for".to_owned());
        }
        match rung {
            Rung::Kprobe => kernel.kprobe.clone(),
            Rung::ModifyReturn => kernel.modify_return.clone(),
            Rung::Lsm => {
                hooks::all(self.calls, &kernel.missing_hooks)?;
                kernel.lsm.clone()
            }
            Rung::Security => {
                hooks::all(self.calls, &kernel.missing_security)?;
                kernel.security.clone()
            }
            Rung::Cgroup => {
                let Some((family, _)) = self.cgroup() else {
                    return Err(format!("{} passes no hook of a cgroup", self.name));
                };
                let several = family.parse::<SyscallName>().is_ok_and(|name| name.members(false).len() > 1);
                if self.asks & !CALLER != 0 {
                    return Err("the cgroup's hook does not know the call's arguments".to_owned());
                }
                if self.exact && several {
                    return Err(format!(
                        "the cgroup's hook can't tell the calls of the family {family} apart"
                    ));
                }
                kernel.cgroup.clone()
            }
        }
    }

    /// Its family among those that pass hooks of a cgroup.
    pub(super) fn cgroup(&self) -> Option<&'static (&'static str, &'static str)> {
        let names = [self.name.to_string(), self.name.family_name().to_owned()];
        hooks::CGROUP.iter().find(|(family, _)| names.iter().any(|name| name == family))
    }

    /// The best rung, or the one that was asked for, and why this one.
    ///
    /// # Errors
    /// Why there is none: each rung with what is wrong with it.
    pub(super) fn choose(
        &self,
        asked: Option<Rung>,
        kernel: &Capabilities,
    ) -> Result<(Rung, &'static str), String> {
        if let Some(rung) = asked {
            return match self.by(rung, kernel) {
                Ok(()) => Ok((rung, "as asked")),
                Err(why) => Err(format!("{}: {why}", rung.title())),
            };
        }
        let mut reasons = Vec::new();
        for rung in self.ladder() {
            match self.by(rung, kernel) {
                Ok(()) => return Ok((rung, self.why(rung))),
                // A hook that is not passed is of no interest where the whole kernel has none.
                Err(why) => reasons.push(format!("{}: {why}", rung.title())),
            }
        }
        Err(reasons.join("; "))
    }

    /// The rungs that could do it on some kernel, the best first. Open's hook comes before fmod_ret, which misses calls,
    /// and with a path before everything, since it sees the resolved one.
    pub(super) fn ladder(&self) -> Vec<Rung> {
        let mut all = Rung::ALL.to_vec();
        if self.name.opens() {
            all = vec![Rung::Kprobe, Rung::Lsm, Rung::ModifyReturn, Rung::Security];
            if self.by_path {
                all = vec![Rung::Lsm, Rung::Security, Rung::Kprobe, Rung::ModifyReturn];
            }
        }
        if self.cgroup().is_none() {
            all.retain(|rung| *rung != Rung::Cgroup);
        }
        all
    }

    fn why(&self, rung: Rung) -> &'static str {
        match rung {
            Rung::Lsm | Rung::Security if self.by_path => {
                "with a path, because the hook sees the resolved one"
            }
            Rung::Kprobe => "the syscall itself fails, before anything was done",
            Rung::ModifyReturn => "this kernel cannot override a syscall's result by kprobe",
            Rung::Lsm if self.name.opens() => "this kernel cannot override a syscall's result",
            Rung::Lsm => "this kernel cannot make a syscall fail at its entry",
            Rung::Security => "the BPF LSM is not among this kernel's active LSMs",
            Rung::Cgroup => "neither a syscall's entry nor its LSM hook can be had here",
        }
    }

    /// What it means that the call fails by this rung, one matter a line.
    pub(super) fn semantics(&self, rung: Rung) -> Vec<String> {
        let mut lines = vec![match rung {
            Rung::Cgroup => {
                "whose: of tasks of the target, on sockets that were made in the target's cgroups".to_owned()
            }
            _ => "whose: the cgroup of the task that calls, whoever made the descriptor".to_owned(),
        }];
        lines.push(match rung {
            Rung::Kprobe | Rung::ModifyReturn => {
                "when: at the entry; nothing was done, and arguments were not looked at: also a call that would have \
                 failed by itself fails with this error"
                    .to_owned()
            }
            Rung::Lsm | Rung::Security => {
                let found = hooks::all(self.calls, &Default::default()).unwrap_or_default();
                let names: Vec<&str> = found.iter().map(|(_, hook)| hook.name).collect();
                format!(
                    "when: at {}, after the call's arguments were looked at: an error that it finds by itself comes \
                     first",
                    names.join(", ")
                )
            }
            Rung::Cgroup => "when: after the call's arguments were looked at, before anything is done".to_owned(),
        });
        if self.name.is_disk() {
            lines.push(
                "which: of read, write, fstat and their like those on files, directories and block devices"
                    .to_owned(),
            );
        }
        if self.by_path {
            lines.push(match rung {
                Rung::Lsm | Rung::Security if self.name.opens() => {
                    "path: as it is resolved, also of a link or a relative path".to_owned()
                }
                _ => "path: as the program typed it".to_owned(),
            });
        }
        lines.extend(match rung {
            // What passes by: see `watching`.
            Rung::Kprobe => vec![],
            Rung::ModifyReturn => vec![PREEMPTED.to_owned()],
            Rung::Lsm | Rung::Security => {
                let note = |(_, hook): &(usize, &hooks::Hook)| {
                    (!hook.note.is_empty()).then(|| format!("note: {}: {}", hook.name, hook.note))
                };
                let found = hooks::all(self.calls, &Default::default()).unwrap_or_default();
                let mut lines = vec![
                    "misses: the calls of 32-bit programs and what is asked of io_uring pass by, and are counted where \
                     they come by the hook (compat, io_uring)"
                        .to_owned(),
                ];
                lines.extend((rung == Rung::Security).then(|| PREEMPTED.to_owned()));
                lines.extend(found.iter().filter_map(note));
                lines
            }
            Rung::Cgroup => vec![
                format!("covers: {}", self.cgroup().map_or("", |(_, what)| what)),
                "covers: also the calls of 32-bit programs, and what is asked of io_uring".to_owned(),
            ],
        });
        lines
    }
}

const PREEMPTED: &str = "misses: calls of threads that preempt each other within the program (missed)";
