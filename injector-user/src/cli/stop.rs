//! `injector stop`.

use std::time::Duration;

use clap::Args;

use super::{
    context::{self, Context, block_on},
    ending, halt,
    out::{self, Outcome},
};
use crate::{
    api::{
        client::{DRAIN, encoded},
        types::{Doc, FaultDoc, FaultsDoc, StatusDoc},
    },
    error::{Error, Kind},
};

/// Whether a daemon lives is known after so long.
const PULSE: Duration = Duration::from_secs(1);

/// End a fault; returns when nothing of it is left.
#[derive(Debug, Args)]
pub(super) struct Stop {
    /// Its ID, name, or a unique beginning of its ID.
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// All faults. If no daemon answers, root halts the node (lift it with `injector halt --lift`).
    #[arg(long, conflicts_with = "id")]
    all: bool,
}

/// Runs the verb.
pub(super) fn run(args: &Stop, context: &Context) -> Outcome {
    match &args.id {
        _ if args.all => all(context),
        Some(id) => one(named(id)?, context),
        None => Err(Error::usage("stop needs to know which fault")
            .hint("injector stop drop-7k3 or injector stop --all; injector status lists them")
            .into()),
    }
}

/// An ID that can be one.
pub(super) fn named(id: &str) -> Result<&str, Error> {
    if id.trim().is_empty() || id.contains('/') || id.starts_with('.') {
        return Err(Error::usage(format!("`{}` is not a fault's ID", id.escape_debug()))
            .hint("write one that injector status lists, such as drop-7k3"));
    }
    Ok(id)
}

fn one(id: &str, context: &Context) -> Outcome {
    let client = context.client()?.patience(DRAIN);
    let fault: Doc<FaultDoc> = block_on(client.delete(&format!("/v1/faults/{}", encoded(id))))??;
    if context.json {
        out::document(&fault)?;
    } else {
        ending::lines(&fault.body).iter().try_for_each(|line| out::say(line))?;
    }
    Ok(ending::is_clean(&fault.body)?)
}

fn all(context: &Context) -> Outcome {
    let client = context.client()?;
    let alive: Result<Doc<StatusDoc>, Error> = block_on(client.patience(PULSE).get("/v1/status"))?;
    if let Err(error) = alive {
        if error.kind == Kind::Unreachable && context::is_root() {
            out::remark(&format!("{}; halting the node instead", error.message));
            return halt::halt("stop --all without a daemon", context);
        }
        return Err(error.into());
    }
    let stopped: Doc<FaultsDoc> = block_on(client.patience(DRAIN).delete("/v1/faults"))??;
    if context.json {
        out::document(&stopped)?;
    } else if stopped.body.faults.is_empty() {
        out::say("no fault was armed")?;
    }
    for fault in &stopped.body.faults {
        if !context.json {
            ending::lines(fault).iter().try_for_each(|line| out::say(line))?;
        }
    }
    Ok(stopped.body.faults.iter().try_for_each(ending::is_clean)?)
}
