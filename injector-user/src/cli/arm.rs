//! `injector arm` and `injector approve`.

use clap::Args;

use super::{
    context::{Context, block_on},
    out::{self, Outcome},
    stop, text,
};
use crate::api::{
    client::encoded,
    types::{Doc, FaultDoc, PendingDoc},
};

/// Which fault or request.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Its ID, as injector status lists it.
    #[arg(value_name = "ID")]
    id: String,
}

/// Makes a shadow real, or arms what was approved. The fault goes on by itself, as with `--detach`.
pub(super) fn arm(args: &Which, context: &Context) -> Outcome {
    let path = format!("/v1/faults/{}/arm", encoded(stop::named(&args.id)?));
    let fault: Doc<FaultDoc> = block_on(context.client()?.order(&path))??;
    if context.json { out::document(&fault) } else { out::say(&text::first_line(&fault, true)) }
}

/// Agrees to what somebody else asked for and what exceeds a soft limit.
pub(super) fn approve(args: &Which, context: &Context) -> Outcome {
    let path = format!("/v1/faults/{}/approve", encoded(stop::named(&args.id)?));
    let pending: Doc<PendingDoc> = block_on(context.client()?.order(&path))??;
    if context.json {
        return out::document(&pending);
    }
    let pending = pending.body;
    out::say(&format!(
        "{} APPROVED: {} (targets: {}). {} can arm it now: injector arm {}",
        pending.id,
        pending.summary,
        pending.targets.join(", "),
        pending.by,
        pending.id
    ))
}
