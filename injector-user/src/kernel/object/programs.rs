//! Programs: each is loaded when it is first needed, by what its type asks for.

use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};
use aya::{
    maps::ProgramArray,
    programs::{Program, SchedClassifier},
};
use injector_ebpf::names;

use super::{
    super::typed::{Loaded, Type},
    Object, types,
};

impl Object {
    /// A program, loaded or not.
    ///
    /// # Errors
    /// There is no such program.
    pub fn program(&mut self, name: &str) -> Result<&mut Program> {
        self.ebpf.program_mut(name).with_context(|| format!("there is no program {name}"))
    }

    /// A classifier, loaded or not.
    ///
    /// # Errors
    /// There is no such program.
    pub fn classifier(&mut self, name: &str) -> Result<&mut SchedClassifier> {
        Ok(self.program(name)?.try_into()?)
    }

    /// Loads a program if it is not yet loaded. Programs are loaded when they are first needed.
    ///
    /// # Errors
    /// The verifier's, shortened: its log can have 100 kB.
    pub fn load_program(&mut self, name: &str) -> Result<()> {
        let program = self.program(name)?;
        if program.fd().is_ok() {
            return Ok(());
        }
        let loaded = match program {
            Program::SchedClassifier(p) => p.load(),
            Program::CgroupSkb(p) => p.load(),
            Program::CgroupSockAddr(p) => p.load(),
            Program::CgroupSock(p) => p.load(),
            Program::KProbe(p) => p.load(),
            Program::RawTracePoint(p) => p.load(),
            Program::Lsm(p) => p.load("file_open", types::of_kernel()?.as_ref()),
            // Its name until 6.3.
            Program::BtfTracePoint(p) if name == names::URING => {
                let types = types::of_kernel()?;
                p.load("io_uring_submit_req", &types).or_else(|_| p.load("io_uring_submit_sqe", &types))
            }
            Program::BtfTracePoint(p) => p.load(tracepoint(name), types::of_kernel()?.as_ref()),
            Program::FEntry(p) => {
                let function = if name == names::ROOM { "sock_kmalloc" } else { "sk_filter_charge" };
                p.load(function, types::of_kernel()?.as_ref())
            }
            Program::FExit(p) => p.load("inet_csk_accept", types::of_kernel()?.as_ref()),
            _ => bail!("program {name} has a type that is not used here"),
        };
        loaded.map_err(|error| shorten(name, &error))
    }

    /// Loads a program that aya does not know for each of these functions.
    ///
    /// # Errors
    /// This kernel has no such function, or refuses the program for it.
    pub fn load_for(&self, name: &str, kind: Type, functions: &[String]) -> Result<Vec<Loaded>> {
        let load = |function: &String| {
            let id = self.function(function)?;
            anyhow::Ok((self.typed()?.load(name, kind, id)?, kind, function.clone()))
        };
        functions.iter().map(|one| load(one).with_context(|| kind.on(one))).collect()
    }

    /// Unloads a program if it is loaded; what it is attached to is detached.
    ///
    /// # Errors
    /// There is no such program.
    pub fn unload_program(&mut self, name: &str) -> Result<()> {
        let program = self.program(name)?;
        if program.fd().is_err() {
            return Ok(());
        }
        match program {
            Program::SchedClassifier(p) => p.unload(),
            Program::CgroupSkb(p) => p.unload(),
            Program::CgroupSockAddr(p) => p.unload(),
            Program::CgroupSock(p) => p.unload(),
            Program::KProbe(p) => p.unload(),
            Program::Lsm(p) => p.unload(),
            Program::BtfTracePoint(p) => p.unload(),
            _ => bail!("program {name} has a type that is never unloaded"),
        }?;
        Ok(())
    }

    /// Unloads all that was loaded to find out what the kernel can do.
    ///
    /// # Errors
    /// One of them is of a type that is never unloaded.
    pub fn unload_probes(&mut self) -> Result<()> {
        let loaded =
            self.ebpf.programs().filter(|(name, program)| *name != names::BEAT && program.fd().is_ok());
        let loaded: Vec<String> = loaded.map(|(name, _)| name.to_owned()).collect();
        loaded.iter().try_for_each(|name| self.unload_program(name))?;
        self.typed = OnceLock::new();
        Ok(())
    }

    /// Takes a program away from behind the clsact stubs: the array holds it loaded.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn clear_behind_stub(&mut self, index: u32) -> Result<()> {
        let mut programs = ProgramArray::try_from(self.map(names::PROGS)?)?;
        // Nothing was behind it: that is fine.
        let _empty = programs.clear_index(&index);
        Ok(())
    }

    /// Puts a loaded program behind the clsact stubs. The array empties itself when this process dies.
    ///
    /// # Errors
    /// The program is not loaded.
    pub fn set_behind_stub(&mut self, index: u32, name: &str) -> Result<()> {
        let fd = self.classifier(name)?.fd()?.try_clone()?;
        let mut programs = ProgramArray::try_from(self.map(names::PROGS)?)?;
        Ok(programs.set(index, &fd, 0)?)
    }
}

/// The tracepoint of a program, by the program's name.
fn tracepoint(program: &str) -> &'static str {
    match program {
        names::TCP_PROBE | names::MEASURED_TCP => "tcp_probe",
        names::TCP_RETRANSMIT => "tcp_retransmit_skb",
        names::TASK_EXIT => "sched_process_exit",
        names::TASK_EXEC => "sched_process_exec",
        names::DEP_TIMEOUT => "tcp_retransmit_skb",
        names::DEP_RESET_OUT => "tcp_send_reset",
        names::DEP_RESET_IN => "tcp_receive_reset",
        names::DEP_DROP => "kfree_skb",
        "inj_io_queue" => "block_rq_insert",
        "inj_io_issue" => "block_rq_issue",
        "inj_io_again" => "block_rq_requeue",
        "inj_io_merge" => "block_rq_merge",
        "inj_io_done" => "block_rq_complete",
        "inj_cpu_wake" => "sched_wakeup",
        "inj_cpu_new" => "sched_wakeup_new",
        "inj_cpu_switch" => "sched_switch",
        _ => "inet_sock_set_state",
    }
}

/// The kernel's errno and the last lines of the verifier's log.
fn shorten(name: &str, error: &aya::programs::ProgramError) -> anyhow::Error {
    use aya::programs::ProgramError;
    match error {
        ProgramError::LoadError { io_error, verifier_log } => {
            let log = verifier_log.to_string();
            let tail: Vec<&str> = log.lines().rev().filter(|line| !line.trim().is_empty()).take(4).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            anyhow::anyhow!("the kernel refused program {name}: {io_error}; {}", tail.join(" | "))
        }
        other => anyhow::anyhow!("the kernel refused program {name}: {other}"),
    }
}
