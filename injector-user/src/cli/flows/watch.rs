//! Flows as they change. A reader that is slower than the daemon gets fewer looks, each of them whole, and is told how
//! many it missed.

use std::thread;

use tokio::sync::watch;

use super::choice::Chosen;
use crate::{
    api::{
        self, Client,
        types::{Doc, FlowsDoc},
    },
    cli::{
        context::block_on,
        out::{self, Outcome},
    },
    error::Error,
    observe,
};

/// The daemon's last look, and its number: the first is 1.
type Last = Option<(u64, Doc<FlowsDoc>)>;

/// Shows what is chosen of each look until the stream ends: as JSON a snapshot and then what has changed, else by `print`.
pub(super) fn watch(
    client: Client,
    path: String,
    chosen: &Chosen,
    json: bool,
    print: fn(&FlowsDoc, u64) -> Outcome,
) -> Outcome {
    let (send, looks) = watch::channel(None);
    // Reads on while this thread waits for whoever reads from us.
    let reader = thread::spawn(move || block_on(read(client, path, send)).and_then(|ended| ended));
    let mut shown = Shown { before: None, number: 0, json, print };
    block_on(follow(looks, |number, look| shown.show(number, look, chosen)))??;
    match reader.join() {
        Ok(ended) => Ok(ended?),
        Err(_) => Err(Error::failed("reading from the daemon failed").into()),
    }
}

async fn read(client: Client, path: String, looks: watch::Sender<Last>) -> Result<(), Error> {
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
async fn follow(
    mut looks: watch::Receiver<Last>,
    mut show: impl FnMut(u64, Doc<FlowsDoc>) -> Outcome,
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

struct Shown {
    before: Option<FlowsDoc>,
    number: u64,
    json: bool,
    print: fn(&FlowsDoc, u64) -> Outcome,
}

impl Shown {
    fn show(&mut self, number: u64, look: Doc<FlowsDoc>, chosen: &Chosen) -> Outcome {
        let missed = number.saturating_sub(self.number + 1);
        let now = chosen.of(look.body);
        match (&self.before, self.json) {
            (None, true) => out::document(&api::doc("flows", &look.node, &now))?,
            (Some(before), true) => {
                let changes = observe::changes(before, &now, missed);
                out::document(&api::doc("flows-changes", &look.node, changes))?;
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

    fn look(number: u64) -> Last {
        Some((number, api::doc("flows", "web-14", FlowsDoc::default())))
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
