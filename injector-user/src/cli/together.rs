//! Several faults that live as long as this command, as one.

use futures_util::{StreamExt as _, stream::FuturesUnordered};

use super::{
    context::{Context, block_on},
    ending,
    foreground::{Signals, end, lost, next},
    out::{self, Outcome, Stop},
    text,
};
use crate::{
    api::{
        Client, Lines,
        types::{Doc, FaultDoc, State},
    },
    error::{Error, Kind},
    spec::FaultSpec,
};

/// Arms them one after another and shows a line a second of each. A refused one stops those before it; one that ends
/// early stops the others; whatever ends this command ends all of them.
pub(super) fn run(specs: &[FaultSpec], context: &Context) -> Outcome {
    let client = context.client()?;
    block_on(watch(specs, &client, context.json))?
}

/// Ends the faults and says what could not be ended; on the way out of an error, which is told afterwards.
pub(super) async fn stop(client: &Client, ids: &[String]) {
    for id in ids {
        if let Err(error) = end(client, id).await {
            out::remark(&format!("{id} could not be stopped: {error}"));
        }
    }
}

/// A fault and the stream that keeps it.
struct Attached {
    lines: Lines,
    fault: Doc<FaultDoc>,
}

async fn watch(specs: &[FaultSpec], client: &Client, json: bool) -> Outcome {
    let mut signals = Signals::new()?;
    let mut attached = Vec::new();
    for spec in specs {
        let begun = tokio::select! {
            begun = begin(client, spec, json) => begun,
            () = signals.any() => Err(Error::interrupted("interrupted before all were armed").into()),
        };
        match begun {
            Ok(one) => attached.push(one),
            Err(why) => {
                stop(client, &ids(&attached)).await;
                return Err(why);
            }
        }
    }
    let mut all = ids(&attached);
    let mut coming: FuturesUnordered<_> = attached.into_iter().map(follow).collect();
    let mut worst: Outcome = Ok(());
    loop {
        let (one, line) = tokio::select! {
            next = coming.next() => match next {
                Some(next) => next,
                None => return worst,
            },
            () = signals.any() => return interrupted(client, &all, json).await,
        };
        let id = one.fault.body.id.clone();
        let shown = line.map_err(Stop::Error).and_then(|(text, fault)| {
            show(&text, &one.fault, &fault, json)?;
            Ok(fault)
        });
        match shown {
            Ok(fault) if fault.body.state != State::Ended => coming.push(follow(Attached { fault, ..one })),
            Ok(fault) => {
                if let Some(at) = all.iter().position(|other| *other == id) {
                    all.remove(at);
                }
                match ending::judge(&fault.body) {
                    Err(error) if error.kind != Kind::NothingHit => {
                        stop(client, &all).await;
                        return Err(error.into());
                    }
                    other => worst = worst.and(other.map_err(Stop::Error)),
                }
            }
            Err(why) => {
                stop(client, &all).await;
                return Err(match why {
                    Stop::Error(error) => lost(error, Some(&one.fault)).into(),
                    enough => enough,
                });
            }
        }
    }
}

async fn begin(client: &Client, spec: &FaultSpec, json: bool) -> Result<Attached, Stop> {
    let mut lines = client.attach(spec).await?;
    let (line, fault) = next(&mut lines).await?;
    let shown = if json { out::say(&line) } else { out::say(&text::first_line(&fault, false)) };
    shown?;
    Ok(Attached { lines, fault })
}

/// Waits for a fault's next line.
async fn follow(mut one: Attached) -> (Attached, Result<(String, Doc<FaultDoc>), Error>) {
    let line = next(&mut one.lines).await;
    (one, line)
}

fn show(line: &str, before: &Doc<FaultDoc>, fault: &Doc<FaultDoc>, json: bool) -> Outcome {
    if json {
        return out::say(line);
    }
    match fault.body.state {
        State::Ended => ending::lines(&fault.body).iter().try_for_each(|line| out::say(line)),
        _ => out::say(&format!("{:<14}{}", fault.body.id, text::second(&fault.body, Some(&before.body)))),
    }
}

async fn interrupted(client: &Client, ids: &[String], json: bool) -> Outcome {
    let mut left = Ok(());
    for id in ids {
        let ended = end(client, id).await.and_then(|fault| ending::is_clean(&fault.body).map(|()| fault));
        match ended {
            Ok(fault) if json => out::document(&fault)?,
            Ok(fault) => ending::lines(&fault.body).iter().try_for_each(|line| out::say(line))?,
            Err(error) => left = Err(error),
        }
    }
    left?;
    Err(Error::interrupted(format!("{} were stopped by a signal", ids.join(", "))).into())
}

fn ids(attached: &[Attached]) -> Vec<String> {
    attached.iter().map(|one| one.fault.body.id.clone()).collect()
}
