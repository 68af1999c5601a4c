//! Flows and dependencies as they change. A reader that is slower than the daemon gets fewer looks, each of them whole,
//! and is told how many it missed.

use std::thread;

use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::watch;

use super::{
    context::block_on,
    out::{self, Outcome},
    text::{count, plain},
    when,
};
use crate::{
    api::{
        self, Client,
        types::{DepsDoc, Doc, FlowsDoc, LatelyDoc},
    },
    error::Error,
    observe,
};

/// A document that comes once a second.
pub(super) trait Look: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// As in its schema.
    const NAME: &str;
    /// As in the schema of what has changed.
    const CHANGES: &str;

    /// What turns `self` into `now`; `missed` looks lay between.
    fn changes(&self, now: &Self, missed: u64) -> impl Serialize;
}

impl Look for FlowsDoc {
    const NAME: &str = "flows";
    const CHANGES: &str = "flows-changes";

    fn changes(&self, now: &Self, missed: u64) -> impl Serialize {
        observe::changes(self, now, missed)
    }
}

impl Look for DepsDoc {
    const NAME: &str = "deps";
    const CHANGES: &str = "deps-changes";

    fn changes(&self, now: &Self, missed: u64) -> impl Serialize {
        observe::deps_changes(self, now, missed)
    }
}

/// The line above the tables of a look.
pub(super) fn head(at: &str, watched: &[String], missed: u64) -> String {
    let watched = if watched.is_empty() { "nothing".to_owned() } else { plain(&watched.join(", ")) };
    let missed = if missed > 0 { format!("  missed: {}", count(missed)) } else { String::new() };
    format!("{}  watched: {watched}{missed}", when::clock(at))
}

/// The line that says of when the latencies below it are.
pub(super) fn window(window: Option<LatelyDoc>) -> String {
    let Some(window) = window else { return "latency since observing began".to_owned() };
    let lacking = match window.without_room {
        0 => String::new(),
        n => format!(", but for {} histograms without room", count(n)),
    };
    format!("latency of the last {}{lacking}", observe::figures::span_ms(window.ms))
}

/// The daemon's last look, and its number: the first is 1.
type Last<D> = Option<(u64, Doc<D>)>;

/// Shows what is `chosen` of each look until the stream ends: as JSON a snapshot and then what has changed, else by
/// `print`, which is told how many looks were missed.
pub(super) fn watch<D: Look>(
    client: Client,
    path: String,
    chosen: impl Fn(D) -> D,
    json: bool,
    print: fn(&D, u64) -> Outcome,
) -> Outcome {
    let (send, looks) = watch::channel(None);
    // Reads on while this thread waits for whoever reads from us.
    let reader = thread::spawn(move || block_on(read(client, path, send)).and_then(|ended| ended));
    let mut shown = Shown { before: None, number: 0, json, print };
    block_on(follow(looks, |number, look| shown.show(number, look, &chosen)))??;
    match reader.join() {
        Ok(ended) => Ok(ended?),
        Err(_) => Err(Error::failed("reading from the daemon failed").into()),
    }
}

async fn read<D: Look>(client: Client, path: String, looks: watch::Sender<Last<D>>) -> Result<(), Error> {
    let mut lines = client.lines(&path).await?;
    let mut number = 0;
    while let Some(line) = lines.next().await? {
        let look = serde_json::from_str(&line)
            .map_err(|error| Error::failed(format!("the daemon's line can't be read: {error}")))?;
        number += 1;
        // Nobody waits for it any more: so be it.
        _ = looks.send(Some((number, look)));
    }
    Err(Error::unreachable("the daemon hung up").hint("its log says why"))
}

/// Gives each look that is there when the one before has been shown; the last one always.
async fn follow<D: Look>(
    mut looks: watch::Receiver<Last<D>>,
    mut show: impl FnMut(u64, Doc<D>) -> Outcome,
) -> Outcome {
    // An error: there are no more.
    while looks.changed().await.is_ok() {
        let last = looks.borrow_and_update().clone();
        if let Some((number, look)) = last {
            show(number, look)?;
        }
    }
    Ok(())
}

struct Shown<D> {
    before: Option<D>,
    number: u64,
    json: bool,
    print: fn(&D, u64) -> Outcome,
}

impl<D: Look> Shown<D> {
    fn show(&mut self, number: u64, look: Doc<D>, chosen: &dyn Fn(D) -> D) -> Outcome {
        let missed = number.saturating_sub(self.number + 1);
        let now = chosen(look.body);
        match (&self.before, self.json) {
            (None, true) => out::document(&api::doc(D::NAME, &look.node, &now))?,
            (Some(before), true) => {
                out::document(&api::doc(D::CHANGES, &look.node, before.changes(&now, missed)))?;
            }
            (_, false) => (self.print)(&now, missed)?,
        }
        (self.before, self.number) = (Some(now), number);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn look(number: u64) -> Last<FlowsDoc> {
        Some((number, api::doc("flows", "web-14", FlowsDoc::default())))
    }

    #[test]
    fn names_of_cgroups_are_only_text() {
        let head = head("2026-01-01T14:02:15Z", &["/a".into(), "/\u{1b}]0;x\u{7}\u{202e}b".into()], 3);
        assert!(head.ends_with("watched: /a, /?]0;x??b  missed: 3"), "{head}");
    }

    #[test]
    fn the_first_look_may_be_missed_too_and_the_last_never_is() {
        let (send, looks) = watch::channel(None);
        let (stalled, go_on) = (mpsc::channel::<()>(), mpsc::channel::<()>());
        let reader = thread::spawn(move || {
            let mut seen = Vec::new();
            block_on(follow(looks, |number, _| {
                seen.push(number);
                stalled.0.send(()).unwrap();
                go_on.1.recv().unwrap();
                Ok(())
            }))
            .unwrap()
            .unwrap();
            seen
        });
        send.send(look(3)).unwrap();
        stalled.1.recv().unwrap();
        (4..9).for_each(|number| send.send(look(number)).unwrap());
        go_on.0.send(()).unwrap();
        stalled.1.recv().unwrap();
        send.send(look(9)).unwrap();
        drop(send);
        go_on.0.send(()).unwrap();
        go_on.0.send(()).unwrap();
        assert_eq!(reader.join().unwrap(), [3, 8, 9], "fewer, the newest of each time, and the last one");
    }
}
