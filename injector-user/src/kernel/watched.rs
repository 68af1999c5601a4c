//! What this kernel lets us see of calls that do not fail, tried as `probe` tries everything.

use anyhow::{Context as _, Result, ensure};
use aya::programs::BtfTracePoint;
use injector_ebpf::names;

use super::{
    compat,
    object::Object,
    syscall_function,
    typed::{Loaded, Type},
};

/// A call that every kernel has, and that is rare.
const TRIED: &str = "fdatasync";

/// What counts the calls of 32-bit programs.
///
/// # Errors
/// This kernel has none, or refuses it.
pub fn compat(object: &Object) -> Result<Vec<Loaded>> {
    let entries = compat::entries(TRIED, object.compat());
    let (function, _) = entries.first().context("this kernel tells of no entries of 32-bit programs")?;
    object.load_for(names::COMPAT, Type::Entry, &[function.to_string()])
}

/// What sees that descriptors are closed.
///
/// # Errors
/// As for [`compat`].
pub fn closes(object: &Object) -> Result<Vec<Loaded>> {
    object.load_for(names::CLOSE, Type::Entry, &[syscall_function("close")])
}

/// What sees the requests of io_uring.
///
/// # Errors
/// As for [`compat`].
pub fn rings(object: &mut Object) -> Result<()> {
    ensure!(object.has_rings(), "this kernel has no io_uring");
    object.load_program(names::URING)?;
    let program: &mut BtfTracePoint = object.program(names::URING)?.try_into()?;
    let link = program.attach().context("the tracepoint of io_uring's requests")?;
    Ok(program.detach(link)?)
}
