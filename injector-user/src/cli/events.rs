//! `injector events`.

use clap::Args;

use super::{
    context::{Context, block_on},
    out::{self, Outcome},
    text::count,
    when,
};
use crate::{
    api::{
        Client,
        types::{Doc, EventDoc, EventsDoc, EventsLostDoc},
    },
    error::Error,
};

/// Show the calls that were failed last, one by one: who, where, which call, and its path or peer.
#[derive(Debug, Args)]
pub(super) struct Events {
    /// Show them as they come, until Ctrl-C: at most 1,000 a second; what is left out is counted.
    #[arg(long)]
    watch: bool,
}

/// Runs the verb.
pub(super) fn run(args: &Events, context: &Context) -> Outcome {
    let client = context.client()?;
    if args.watch {
        return block_on(watch(&client, context.json))?;
    }
    let last: Doc<EventsDoc> = block_on(client.get("/v1/events"))??;
    if context.json {
        return out::document(&last);
    }
    if last.body.events.is_empty() {
        out::say("no call was failed")?;
    } else {
        out::say(&header())?;
    }
    print(&last.body, EventsLostDoc::default())
}

async fn watch(client: &Client, json: bool) -> Outcome {
    let mut lines = client.lines("/v1/events/watch").await?;
    if !json {
        out::say(&header())?;
    }
    let mut lost: Option<EventsLostDoc> = None;
    while let Some(line) = lines.next().await? {
        if json {
            out::say(&line)?;
            continue;
        }
        let events: Doc<EventsDoc> = serde_json::from_str(&line)
            .map_err(|error| Error::failed(format!("the daemon's line can't be read: {error}")))?;
        // The first line says what was lost before.
        print(&events.body, lost.unwrap_or(events.body.lost))?;
        lost = Some(events.body.lost);
    }
    Err(Error::unreachable("the daemon hung up").hint("its log says why").into())
}

fn print(events: &EventsDoc, before: EventsLostDoc) -> Outcome {
    events.events.iter().try_for_each(|event| out::say(&row(event)))?;
    loss(&events.lost, &before).map_or(Ok(()), |line| out::say(&line))
}

fn columns(cells: [&str; 8]) -> String {
    let [time, pid, tid, comm, call, errno, fault, rest] = cells;
    format!("{time:<8}  {pid:>7}  {tid:>7}  {comm:<15}  {call:<15}  {errno:<12}  {fault:<12}  {rest}")
}

fn header() -> String {
    columns(["TIME", "PID", "TID", "COMM", "SYSCALL", "ERRNO", "FAULT", "CGROUP, PATH OR PEER"])
}

fn row(event: &EventDoc) -> String {
    let (pid, tid) = (event.pid.to_string(), event.tid.to_string());
    let rest: Vec<&str> = [Some(event.cgroup.as_str()), event.path.as_deref(), event.peer.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    let fault = event.fault.as_deref().unwrap_or("-");
    let line = columns([
        &when::clock(&event.time),
        &pid,
        &tid,
        &event.comm,
        &event.syscall,
        &event.errno,
        fault,
        &rest.join("  "),
    ]);
    // Names and paths are other people's text: no control character reaches the terminal.
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What was lost since the line before, by reason.
fn loss(now: &EventsLostDoc, before: &EventsLostDoc) -> Option<String> {
    let parts = [
        (now.left_out.saturating_sub(before.left_out), "over 1,000 a second"),
        (now.ring_full.saturating_sub(before.ring_full), "which the daemon read too late"),
        (now.lagged.saturating_sub(before.lagged), "which this command read too late"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!("{} {why}", count(*n))).collect();
    (!parts.is_empty()).then(|| format!("not shown: {}", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_all_and_controls_nothing() {
        let event = EventDoc {
            time: "nonsense".into(),
            fault: Some("fail-7k3".into()),
            pid: 10,
            tid: 4_194_304,
            comm: "post\u{1b}gres".into(),
            cgroup: "/app".into(),
            syscall: "openat".into(),
            path: Some("/var/lib\n/x".into()),
            peer: None,
            errno: "EIO".into(),
        };
        let row = row(&event);
        assert!(row.ends_with("  /app  /var/lib /x"), "{row}");
        assert!(
            row.contains("     10  4194304  post gres        openat           EIO           fail-7k3"),
            "{row}"
        );
    }

    #[test]
    fn losses_are_said_by_reason_and_once() {
        let before = EventsLostDoc { left_out: 5, ..EventsLostDoc::default() };
        assert_eq!(loss(&before, &before), None);
        let now = EventsLostDoc { left_out: 1205, ring_full: 1, lagged: 2 };
        let said = "not shown: 1,200 over 1,000 a second, 1 which the daemon read too late, 2 which this command read too late";
        assert_eq!(loss(&now, &before).as_deref(), Some(said));
    }
}
