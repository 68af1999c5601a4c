//! What this kernel lets us see of calls that do not fail, tried as `probe` tries everything.

use std::os::fd::AsFd as _;

use anyhow::{Context as _, Result, ensure};
use aya::programs::BtfTracePoint;
use injector_ebpf::names;

use super::{
    compat,
    object::Object,
    syscall_function,
    typed::{Type, attach_told},
};
use crate::plan::Watching;

/// A call that every kernel has, and that is rare.
const TRIED: &str = "fdatasync";

/// Tries each.
pub fn watching(object: &mut Object) -> Watching {
    let text = |result: Result<()>| result.map_err(|error| format!("{error:#}"));
    let compat = compat::entries(TRIED, object.compat());
    let compat = match compat.first() {
        Some((function, _)) => entry(object, names::COMPAT, function),
        None => Err(anyhow::anyhow!("this kernel tells of no entries of 32-bit programs")),
    };
    Watching {
        compat: text(compat),
        rings: text(rings(object)),
        closes: text(entry(object, names::CLOSE, &syscall_function("close"))),
    }
}

fn entry(object: &Object, program: &str, function: &str) -> Result<()> {
    let said = || format!("fentry on {function}");
    let id = object.function(function).with_context(said)?;
    let program = object.typed()?.load(program, Type::Entry, id).with_context(said)?;
    attach_told(program.as_fd(), Type::Entry, 0).with_context(said).map(drop)
}

fn rings(object: &mut Object) -> Result<()> {
    ensure!(object.has_rings(), "this kernel has no io_uring");
    object.load_program(names::URING)?;
    let program: &mut BtfTracePoint = object.program(names::URING)?.try_into()?;
    let link = program.attach().context("the tracepoint of io_uring's requests")?;
    Ok(program.detach(link)?)
}
