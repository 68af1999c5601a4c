//! `drop`, `delay` and `fail` once they are understood: a plan, a detached fault, or one in the foreground.

use super::{
    args::How,
    context::{Context, block_on},
    foreground,
    out::{self, Outcome},
    plan, text,
};
use crate::{
    api::types::{Doc, FaultDoc},
    spec::FaultSpec,
};

/// Runs a fault.
pub(super) fn run(spec: &FaultSpec, how: &How, context: &Context) -> Outcome {
    if how.dry_run {
        return plan::show(spec, context);
    }
    if !how.detach {
        return foreground::run(spec, context);
    }
    let client = context.client()?;
    let fault: Doc<FaultDoc> = block_on(client.post("/v1/faults", spec))??;
    if context.json { out::document(&fault) } else { out::say(&text::first_line(&fault, true)) }
}
