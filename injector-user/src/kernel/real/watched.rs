//! The programs that only look: at what passes by a call's entry, and at descriptors that are closed.

use std::os::fd::{AsFd as _, OwnedFd};

use anyhow::{Context as _, Result};
use aya::programs::{BtfTracePoint, tp_btf::BtfTracePointLink};
use injector_ebpf::names;
use syscalls::Sysno;

use crate::{
    kernel::{
        attach::Shared,
        compat,
        object::Object,
        syscall_function,
        typed::{Type, attach_told},
    },
    plan::Step,
};

/// What a program on a function is told: nothing.
const NOTHING: u64 = 0;

/// A program and where it hangs; held for their descriptors.
#[derive(Debug)]
enum Link {
    Entry(#[expect(dead_code, reason = "held for its descriptor")] OwnedFd),
    Rings(#[expect(dead_code, reason = "held for its descriptor")] BtfTracePointLink),
}

/// By function and what the program there is told; several faults share one.
#[derive(Debug, Default)]
pub(super) struct Watched {
    links: Shared<(String, u64), Link>,
}

/// What stands for the tracepoint.
const RINGS: &str = "io_uring";

/// Where a step looks: the program, the function, and what it is told.
fn places(object: &Object, step: &Step) -> Vec<(&'static str, String, u64)> {
    match step {
        Step::Compat { calls } => calls
            .iter()
            .filter_map(|call| Some((call, call.parse::<Sysno>().ok()?)))
            .flat_map(|(call, number)| {
                let told = move |first: u32| u64::from(first) << 32 | number.id() as u64;
                let entries = compat::entries(call, object.compat()).into_iter();
                entries.map(move |(function, first)| (names::COMPAT, function, told(first)))
            })
            .collect(),
        Step::Rings => vec![(names::URING, RINGS.to_owned(), NOTHING)],
        Step::Closes => vec![(names::CLOSE, syscall_function("close"), NOTHING)],
        _ => Vec::new(),
    }
}

impl Watched {
    /// What is looked at.
    pub(super) fn all(&self) -> impl Iterator<Item = &String> {
        self.links.keys().map(|(function, _)| function)
    }

    /// Attaches all that the step says, or nothing.
    pub(super) fn attach(&mut self, object: &mut Object, step: &Step) -> Result<()> {
        let places = places(object, step);
        for (done, (program, function, told)) in places.iter().enumerate() {
            let taken = self.links.take((function.clone(), *told), || match *program {
                names::URING => rings(object),
                program => entry(object, program, function, *told),
            });
            if let Err(error) = taken {
                self.give(&places[..done]);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Gives back what the step has taken.
    pub(super) fn detach(&mut self, object: &Object, step: &Step) {
        self.give(&places(object, step));
    }

    fn give(&mut self, places: &[(&'static str, String, u64)]) {
        for (_, function, told) in places {
            drop(self.links.give(&(function.clone(), *told)));
        }
    }
}

fn entry(object: &Object, program: &str, function: &str, told: u64) -> Result<Link> {
    let said = || format!("fentry on {function}");
    let id = object.function(function).with_context(said)?;
    let program = object.typed()?.load(program, Type::Entry, id).with_context(said)?;
    // The link holds the program.
    Ok(Link::Entry(attach_told(program.as_fd(), Type::Entry, told).with_context(said)?))
}

fn rings(object: &mut Object) -> Result<Link> {
    object.load_program(names::URING)?;
    let program: &mut BtfTracePoint = object.program(names::URING)?.try_into()?;
    let id = program.attach().context("the tracepoint of io_uring's requests")?;
    Ok(Link::Rings(program.take_link(id)?))
}
