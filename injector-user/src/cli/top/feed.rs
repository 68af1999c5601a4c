//! The daemon's news, read beside the screen: a daemon that hangs keeps no key waiting.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use tokio::time::sleep;

use super::terminal;
use crate::{
    api::{
        Client,
        types::{CertificateDoc, Doc, FlowsDoc, StatusDoc},
    },
    cli::{context::block_on, foreground::Signals},
    error::{Error, Kind},
};

/// Between two looks.
const BEAT: Duration = Duration::from_secs(1);

/// An answer that takes longer is none: the next try may get one.
const PATIENCE: Duration = Duration::from_secs(5);

/// All that a screen shows.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) node: String,
    pub(super) status: StatusDoc,
    pub(super) flows: FlowsDoc,
    /// The daemon's own cost is in it; a daemon may not have it.
    pub(super) certificate: Option<CertificateDoc>,
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

/// Looks once a second, for ever; `query` is of the flows. From its return on no signal ends the process by itself.
pub(super) fn start(client: Client, query: String) -> Result<Receiver<Update>, Error> {
    let (news, receiver) = channel();
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
                () = feed(&client, &query, &news) => {}
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
async fn end(news: &Sender<Update>) {
    _ = news.send(Update::Signal);
    sleep(BEAT).await;
    terminal::leave();
    std::process::exit(Kind::Interrupted.exit_code().into());
}

async fn feed(client: &Client, query: &str, news: &Sender<Update>) {
    loop {
        let update = match look(client, query).await {
            Ok(look) => Update::Look(Box::new(look)),
            Err(error) => Update::Gone(error),
        };
        if news.send(update).is_err() {
            return;
        }
        sleep(BEAT).await;
    }
}

async fn look(client: &Client, query: &str) -> Result<Look, Error> {
    let status: Doc<StatusDoc> = client.get("/v1/status").await?;
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    let flows: Doc<FlowsDoc> = client.get(&format!("/v1/flows{query}")).await?;
    let certificate: Option<Doc<CertificateDoc>> = client.get("/v1/certificate").await.ok();
    Ok(Look {
        node: status.node,
        status: status.body,
        flows: flows.body,
        certificate: certificate.map(|certificate| certificate.body),
    })
}
