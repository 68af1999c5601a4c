//! The daemon's news, read beside the screen: a daemon that hangs keeps no key waiting.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel},
    },
    thread,
    time::Duration,
};

use tokio::time::sleep;

use super::terminal;
use crate::{
    api::{
        Client,
        types::{CostDoc, Doc, FlowsDoc, SaturationDoc, StatusDoc},
    },
    cli::{context::block_on, foreground::Signals},
    error::{Error, Kind},
};

/// Between two looks.
const BEAT: Duration = Duration::from_secs(1);

/// An answer that takes longer is none: the next try may get one.
const PATIENCE: Duration = Duration::from_secs(5);

/// News that wait for whoever draws. A terminal that takes nothing any more (a connection that hangs) would have them pile up.
const WAITING: usize = 2;

/// All that a screen shows.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) node: String,
    pub(super) status: StatusDoc,
    pub(super) flows: FlowsDoc,
    /// A daemon may not have it.
    pub(super) saturation: Option<SaturationDoc>,
    /// While it is asked for.
    pub(super) cost: Option<CostDoc>,
}

/// What is new.
#[derive(Debug)]
pub(super) enum Update {
    Look(Box<Look>),
    /// The daemon did not answer, or refused: it is asked again.
    Gone(Error),
    /// To end.
    Signal,
}

/// Looks once a second, for ever; `query` is of flows and saturation. While `measure` is set, programs are measured, too.
/// From its return on no signal ends the process by itself.
pub(super) fn start(
    client: Client,
    query: String,
    measure: Arc<AtomicBool>,
) -> Result<Receiver<Update>, Error> {
    let (news, receiver) = sync_channel(WAITING);
    let (ready, is_ready) = channel();
    let client = client.patience(PATIENCE);
    thread::spawn(move || {
        // A receiver that is gone has ended already.
        let ran = block_on(async {
            let mut signals = match Signals::new() {
                Ok(signals) => signals,
                Err(error) => {
                    _ = ready.send(Err(error));
                    return;
                }
            };
            _ = ready.send(Ok(()));
            tokio::select! {
                () = signals.any() => end(&news).await,
                () = feed(&client, &query, &measure, &news) => {}
            }
        });
        if let Err(error) = ran {
            _ = ready.send(Err(error));
        }
    });
    is_ready.recv().map_err(|_| Error::failed("can't start"))??;
    Ok(receiver)
}

/// Whoever draws ends. If it does not (reading keys of a terminal that is gone has no end), all of it does.
async fn end(news: &SyncSender<Update>) {
    tell(news, Update::Signal);
    sleep(BEAT).await;
    terminal::leave();
    std::process::exit(Kind::Interrupted.exit_code().into());
}

async fn feed(client: &Client, query: &str, measure: &AtomicBool, news: &SyncSender<Update>) {
    let mut measured = None;
    loop {
        let update = match look(client, query).await {
            Ok(look) => Update::Look(Box::new(Look { cost: measured.take(), ..look })),
            Err(error) => Update::Gone(error),
        };
        if !tell(news, update) {
            return;
        }
        let cost = async { if measure.load(Ordering::Relaxed) { cost(client).await } else { None } };
        (measured, ()) = tokio::join!(cost, sleep(BEAT));
    }
}

/// Whether anybody is there. What there is no room for is left out: the next look has all of it.
fn tell(news: &SyncSender<Update>, update: Update) -> bool {
    !matches!(news.try_send(update), Err(TrySendError::Disconnected(_)))
}

/// Takes a second. A refusal is seen as no answer.
async fn cost(client: &Client) -> Option<CostDoc> {
    let cost: Doc<CostDoc> = client.get("/v1/cost").await.ok()?;
    Some(cost.body)
}

async fn look(client: &Client, query: &str) -> Result<Look, Error> {
    let status: Doc<StatusDoc> = client.get("/v1/status").await?;
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    let flows: Doc<FlowsDoc> = client.get(&format!("/v1/flows{query}")).await?;
    let saturation: Option<Doc<SaturationDoc>> = client.get(&format!("/v1/saturation{query}")).await.ok();
    Ok(Look {
        node: status.node,
        status: status.body,
        flows: flows.body,
        saturation: saturation.map(|saturation| saturation.body),
        cost: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_do_not_pile_up_before_a_screen_that_hangs() {
        let (news, receiver) = sync_channel(WAITING);
        for _ in 0..1_000 {
            assert!(tell(&news, Update::Gone(Error::unreachable("x"))), "somebody is there");
        }
        assert_eq!(receiver.try_iter().count(), WAITING);
        assert!(tell(&news, Update::Signal) && matches!(receiver.try_recv(), Ok(Update::Signal)));
        drop(receiver);
        assert!(!tell(&news, Update::Signal), "nobody is");
    }
}
