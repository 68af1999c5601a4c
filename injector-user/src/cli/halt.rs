//! `injector halt`: the lever. It needs nothing: no argument, no daemon, no configuration that can be read.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{
    context::{self, Context, block_on},
    ending, local,
    out::{self, Outcome, Stop},
    proof,
};
use crate::{
    api::{
        self, Client,
        client::PATIENCE,
        types::{CleanDoc, Doc, StatusDoc},
    },
    error::{Error, Kind},
    session,
};

/// A daemon that does not answer for so long is not waited for.
const QUICK: Duration = Duration::from_millis(200);

/// Stop everything at once, with or without a daemon; nothing can be armed until it is lifted.
#[derive(Debug, Args)]
pub(super) struct Halt {
    /// Why, for those who read `injector status`.
    #[arg(long, value_name = "TEXT", conflicts_with = "lift", default_value = "", hide_default_value = true)]
    why: String,
    /// Allow arming again.
    #[arg(long)]
    lift: bool,
}

/// `injector.halt/1`: what a halt did.
#[derive(Debug, Serialize)]
pub(super) struct HaltedDoc {
    /// Nothing acts any more.
    inert: bool,
    /// `told`, or why not.
    daemon: String,
    /// The proof of clean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) clean: Option<CleanDoc>,
}

/// Runs the verb.
pub(super) fn run(args: &Halt, context: &Context) -> Outcome {
    if args.lift { lift(context) } else { halt(&args.why, context) }
}

/// As root first by hand, for a daemon may hang; then the daemon is told. Never "unreachable".
pub(super) fn halt(why: &str, context: &Context) -> Outcome {
    let halted = perform(why, context)?;
    if context.json {
        return out::document(&api::doc("halt", &session::node(), halted));
    }
    out::say("HALTED: nothing acts any more, and nothing can be armed until: injector halt --lift")?;
    halted.clean.iter().flat_map(ending::clean).try_for_each(|line| out::say(&line))?;
    out::say(&format!("  daemon: {}", halted.daemon))
}

/// Halts, and says nothing.
pub(super) fn perform(why: &str, context: &Context) -> Result<HaltedDoc, Stop> {
    let config = context.config_at_any_price();
    let root = context::is_root();
    let by_hand = root.then(|| local::halt(&config, why, &context::myself())).transpose();
    let patience = if root { QUICK } else { PATIENCE };
    let client = Client::new(&config.socket).patience(patience);
    let (told, swept) = block_on(async {
        let told: Result<Doc<StatusDoc>, Error> = client.put("/v1/halt", &json!({ "why": why })).await;
        match told {
            Ok(status) => (Ok(()), proof::by_daemon(&client, status.body).await),
            Err(error) => (Err(error), None),
        }
    })?;
    let daemon = told.as_ref().map_or_else(|error| error.message.clone(), |()| "told".to_owned());
    let clean = match (by_hand, told) {
        (Ok(Some(clean)), Ok(())) => Some(proof::both(clean, swept.unwrap_or_default())),
        (Ok(Some(clean)), Err(_)) => Some(proof::both(clean, proof::by_hand(&config))),
        (Ok(None), Ok(())) => swept,
        // The daemon's word counts where we could not do it ourselves.
        (Err(error), Ok(())) => {
            out::remark(&format!("halted by the daemon only: {error}"));
            swept
        }
        (Err(error), Err(_)) => return Err(error.into()),
        (Ok(None), Err(error)) => return Err(never_unreachable(error, "halt", "sudo injector halt").into()),
    };
    Ok(HaltedDoc { inert: true, daemon, clean })
}

/// No daemon, and not root: that is exit 1, not 3.
fn never_unreachable(error: Error, verb: &str, hint: &str) -> Error {
    match error.kind {
        Kind::Unreachable => {
            Error::failed(format!("{}, and only root can {verb} without it", error.message)).hint(hint)
        }
        _ => error,
    }
}

fn lift(context: &Context) -> Outcome {
    let config = context.config_at_any_price();
    let told: Result<Doc<StatusDoc>, Error> = block_on(Client::new(&config.socket).delete("/v1/halt"))?;
    match told {
        Ok(status) if context.json => out::document(&status),
        Ok(_) => out::say("the halt is lifted: faults can be armed again"),
        Err(error) if error.kind != Kind::Unreachable => Err(error.into()),
        Err(error) if !context::is_root() => {
            Err(never_unreachable(error, "lift", "sudo injector halt --lift").into())
        }
        Err(error) => {
            local::lift(&config)?;
            out::remark(&error.message);
            let lifted = json!({ "lifted": true, "daemon": error.message });
            match context.json {
                true => out::document(&api::doc("lift", &session::node(), lifted)),
                false => out::say("the halt is lifted: a daemon that starts now can arm faults"),
            }
        }
    }
}
