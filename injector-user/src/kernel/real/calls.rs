//! The programs on system calls.

use std::os::fd::{AsFd as _, OwnedFd};

use anyhow::{Context as _, Result, bail};
use aya::programs::{
    BtfTracePoint, KProbe, Lsm, kprobe::KProbeLink, lsm::LsmLink, tp_btf::BtfTracePointLink,
};
use injector_ebpf::{names, rule::COOKIE_SECURITY};

use super::watched::Watched;
use crate::{
    kernel::{
        attach::Shared,
        hook_function,
        object::Object,
        security_function, syscall_function,
        typed::{self, Type},
    },
    plan::{Step, hook_index},
    spec::Rung,
};

/// The hook whose program knows the path.
const OPEN: &str = "file_open";

/// What hangs on a call, held for its descriptors.
#[derive(Debug)]
enum Link {
    Lsm(#[expect(dead_code, reason = "held for its descriptor")] LsmLink),
    Kprobe(#[expect(dead_code, reason = "held for its descriptor")] KProbeLink),
    Hook(#[expect(dead_code, reason = "held for its descriptor")] OwnedFd),
    Return {
        program: OwnedFd,
        #[expect(dead_code, reason = "held for its descriptor")]
        link: OwnedFd,
    },
}

/// All of them; several faults of one call share one.
#[derive(Debug, Default)]
pub(super) struct Calls {
    links: Shared<(Rung, String), Link>,
    /// While one of them is attached: what becomes of the target's processes.
    exits: Vec<BtfTracePointLink>,
    /// What only looks.
    watched: Watched,
}

impl Calls {
    /// What hangs where.
    pub(super) fn all(&self) -> impl Iterator<Item = &(Rung, String)> {
        self.links.keys()
    }

    pub(super) fn attach(&mut self, object: &mut Object, rung: Rung, call: &str) -> Result<()> {
        if self.exits.is_empty() {
            self.exits = watch_exits(object)?;
        }
        let done = self.attach_call(object, rung, call);
        self.without_calls();
        done
    }

    /// Attaches what only looks: [`Step::Compat`], [`Step::Rings`] and [`Step::Closes`].
    pub(super) fn watch(&mut self, object: &mut Object, step: &Step) -> Result<()> {
        self.watched.attach(object, step)
    }

    /// Undoes that.
    pub(super) fn unwatch(&mut self, object: &Object, step: &Step) {
        self.watched.detach(object, step);
    }

    /// The functions that are looked at.
    pub(super) fn watches(&self) -> impl Iterator<Item = &String> {
        self.watched.all()
    }

    /// With the last program on a call the others go.
    fn without_calls(&mut self) {
        if self.links.keys().next().is_none() {
            self.exits.clear();
        }
    }

    fn attach_call(&mut self, object: &mut Object, rung: Rung, call: &str) -> Result<()> {
        self.links.take((rung, call.to_owned()), || match rung {
            Rung::Lsm if call == OPEN => {
                object.load_program(names::OPEN_LSM)?;
                let program: &mut Lsm = object.program(names::OPEN_LSM)?.try_into()?;
                let id = program.attach()?;
                Ok(Link::Lsm(program.take_link(id)?))
            }
            Rung::Lsm => {
                let said = || format!("LSM hook {call}");
                let cookie = hook_index(call).with_context(said)?;
                let id = object.function(&hook_function(call)).with_context(said)?;
                let program = object.typed()?.load(names::CALL_LSM, Type::Lsm, id).with_context(said)?;
                Ok(Link::Hook(typed::attach_told(program.as_fd(), Type::Lsm, cookie).with_context(said)?))
            }
            Rung::Security => {
                let said = || format!("fmod_ret on security_{call}");
                let cookie = COOKIE_SECURITY | hook_index(call).with_context(said)?;
                let id = object.function(&security_function(call)).with_context(said)?;
                let name = if call == OPEN { names::OPEN_LSM } else { names::CALL_LSM };
                let typed = object.typed()?;
                let program = typed.load(name, Type::ModifyReturn, id).with_context(said)?;
                let link = typed::attach_told(program.as_fd(), Type::ModifyReturn, cookie);
                Ok(Link::Return { link: link.with_context(said)?, program })
            }
            Rung::Cgroup => bail!("the cgroup's hooks of {call} are attached cgroup by cgroup"),
            Rung::Kprobe => {
                object.load_program(names::CALL_KPROBE)?;
                let program: &mut KProbe = object.program(names::CALL_KPROBE)?.try_into()?;
                let function = syscall_function(call);
                let id = program.attach(&function, 0).with_context(|| format!("kprobe on {function}"))?;
                Ok(Link::Kprobe(program.take_link(id)?))
            }
            Rung::ModifyReturn => {
                let function = syscall_function(call);
                let said = || format!("fmod_ret on {function}");
                let id = object.function(&function).with_context(said)?;
                let program =
                    object.typed()?.load(names::CALL_RETURN, Type::ModifyReturn, id).with_context(said)?;
                let link = typed::attach(program.as_fd()).with_context(said)?;
                Ok(Link::Return { program, link })
            }
        })
    }

    /// See [`crate::kernel::Kernel::missed`].
    pub(super) fn missed(&self, steps: &[Step]) -> Result<Option<u64>> {
        let mut sum = None;
        for step in steps {
            let Step::Call { rung, call } = step else { continue };
            if let Some(Link::Return { program, .. }) = self.links.get(&(*rung, call.clone())) {
                sum = Some(sum.unwrap_or(0) + typed::missed(program.as_fd())?);
            }
        }
        Ok(sum)
    }

    pub(super) fn detach(&mut self, rung: Rung, call: &str) {
        drop(self.links.give(&(rung, call.to_owned())));
        self.without_calls();
    }
}

/// Attaches the programs that see processes end and programs begin.
fn watch_exits(object: &mut Object) -> Result<Vec<BtfTracePointLink>> {
    let attach = |name: &&str| {
        object.load_program(name)?;
        let program: &mut BtfTracePoint = object.program(name)?.try_into()?;
        let id = program.attach().with_context(|| format!("attaching {name}"))?;
        Ok(program.take_link(id)?)
    };
    [names::TASK_EXIT, names::TASK_EXEC].iter().map(attach).collect()
}
