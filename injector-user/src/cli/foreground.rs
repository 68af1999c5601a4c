//! A fault that lives as long as this command.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{
    context::{Context, block_on},
    ending,
    out::{self, Outcome, Stop},
    text,
};
use crate::{
    api::{
        Client, Lines,
        client::{DRAIN, encoded},
        types::{Doc, FaultDoc, State},
    },
    error::{Error, Kind},
    spec::FaultSpec,
};

/// Arms it, shows a line a second, and ends with it. Whatever ends this command ends the fault: the daemon sees
/// the connection go.
pub(super) fn run(spec: &FaultSpec, context: &Context) -> Outcome {
    let client = context.client()?;
    block_on(watch(spec, &client, context.json))?
}

async fn watch(spec: &FaultSpec, client: &Client, json: bool) -> Outcome {
    let mut signals = Signals::new()?;
    let mut lines = tokio::select! {
        lines = client.attach(spec) => lines?,
        () = signals.any() => return Err(Error::interrupted("interrupted before anything was armed").into()),
    };
    let mut seen: Option<Doc<FaultDoc>> = None;
    loop {
        let fault = tokio::select! {
            line = next(&mut lines) => {
                let (text, fault) = line.map_err(|error| lost(error, seen.as_ref()))?;
                match show(&text, &fault, seen.as_ref(), json) {
                    Ok(()) => fault,
                    // Nobody reads on: that is an end as Ctrl-C is one, only a silent one.
                    Err(stop) => {
                        _ = end(client, &fault.body.id).await;
                        return Err(stop);
                    }
                }
            }
            () = signals.any() => return interrupted(client, seen.as_ref(), json).await,
        };
        if fault.body.state == State::Ended {
            return ending::judge(&fault.body).map_err(Stop::Error);
        }
        seen = Some(fault);
    }
}

fn show(line: &str, fault: &Doc<FaultDoc>, before: Option<&Doc<FaultDoc>>, json: bool) -> Outcome {
    if json {
        return out::say(line);
    }
    if before.is_none() {
        out::say(&text::first_line(fault, false))?;
    }
    match fault.body.state {
        State::Ended => ending::lines(&fault.body).iter().try_for_each(|line| out::say(line)),
        _ if before.is_none() => Ok(()),
        _ => out::say(&text::second(&fault.body, before.map(|before| &before.body))),
    }
}

/// The next document, as text and as a fault.
pub(super) async fn next(lines: &mut Lines) -> Result<(String, Doc<FaultDoc>), Error> {
    let hung_up = || Error::unreachable("the daemon hung up");
    let text = lines.next().await?.ok_or_else(hung_up)?;
    let fault = serde_json::from_str(&text)
        .map_err(|error| Error::failed(format!("the daemon's line can't be read: {error}")))?;
    Ok((text, fault))
}

/// Without the daemon, `seen` ends by itself: that is said.
pub(super) fn lost(error: Error, seen: Option<&Doc<FaultDoc>>) -> Error {
    match seen {
        Some(fault) if error.kind == Kind::Unreachable => {
            let id = &fault.body.id;
            Error::ended_early(format!("the daemon was lost while {id} was armed: {}", error.message)).hint(
                "the kernel ends it within the lease (2s by default); injector clean shows and removes what is left",
            )
        }
        _ => error,
    }
}

/// Ends a fault; answers when nothing of it is left.
pub(super) async fn end(client: &Client, id: &str) -> Result<Doc<FaultDoc>, Error> {
    client.patience(DRAIN).delete(&format!("/v1/faults/{}", encoded(id))).await
}

async fn interrupted(client: &Client, seen: Option<&Doc<FaultDoc>>, json: bool) -> Outcome {
    let Some(seen) = seen else {
        return Err(Error::interrupted("interrupted; the fault is stopped").into());
    };
    let id = &seen.body.id;
    let fault = end(client, id).await.map_err(|error| lost(error, Some(seen)))?;
    if json {
        out::document(&fault)?;
    } else {
        ending::lines(&fault.body).iter().try_for_each(|line| out::say(line))?;
    }
    ending::is_clean(&fault.body)?;
    Err(Error::interrupted(format!("{id} was stopped by a signal")).into())
}

/// The signals that end a command.
pub(super) struct Signals([Signal; 3]);

impl Signals {
    /// From here on they are waited for.
    pub(super) fn new() -> Result<Self, Error> {
        let of =
            |kind| signal(kind).map_err(|error| Error::failed(format!("can't wait for signals: {error}")));
        Ok(Self([of(SignalKind::interrupt())?, of(SignalKind::terminate())?, of(SignalKind::hangup())?]))
    }

    /// The next one.
    pub(super) async fn any(&mut self) {
        let [int, term, hup] = &mut self.0;
        tokio::select! { _ = int.recv() => (), _ = term.recv() => (), _ = hup.recv() => () }
    }
}
