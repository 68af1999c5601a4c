//! The page's text.

use std::fmt::Write as _;

use super::{escape::Escaped, svg};
use crate::{
    api::types::{HotDoc, StatusDoc},
    observe::{
        figures::{bytes, micros},
        golden::{Armed, COLUMNS, Golden, Own, Pace, Row, Sort, cells, details, sort},
        saturation::hot_words,
    },
};

/// Rows of one level; more are counted.
const MOST: usize = 100;
/// Rows of all: a browser reads them again every 2 s.
const MOST_IN_ALL: usize = 300;

/// What is on it.
pub(super) struct Seen<'a> {
    pub(super) node: &'a str,
    pub(super) status: &'a StatusDoc,
    pub(super) golden: &'a Golden,
    pub(super) pace: &'a Pace,
    pub(super) armed: &'a [Armed],
    pub(super) own: &'a Own,
}

/// The whole page. It is read again every 2 s, without a script.
pub(super) fn page(seen: &Seen<'_>) -> String {
    let status = seen.status;
    let mut body = format!(
        "<p>{}, mode {}, {}; <span id=\"window\">{}</span></p>\n",
        Escaped(&status.kernel),
        Escaped(&status.mode),
        Escaped(&seen.golden.at),
        seen.golden.window()
    );
    if let Some(halt) = &status.halted {
        let said = format!("HALTED by {} since {}: {}", halt.by, halt.since, halt.why);
        body += &format!("<p class=\"alarm\" id=\"halted\">{}</p>\n", Escaped(&said));
    }
    if let Some(why) = &status.disarmed {
        body += &format!("<p class=\"alarm\">Nothing can be armed: {}</p>\n", Escaped(why));
    }
    body += &faults(seen.armed);
    body += &saturated(&status.saturated);
    body += &signals(seen);
    body += &own(seen.own);
    document(seen.node, &body)
}

/// What is said instead of it.
pub(super) fn failed(node: &str, why: &str) -> String {
    document(node, &format!("<p class=\"alarm\" id=\"failed\">{}</p>\n", Escaped(why)))
}

fn document(node: &str, body: &str) -> String {
    let node = Escaped(node);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"refresh\" content=\"2\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>injector on {node}</title>\n\
         <link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n<h1>injector on {node}</h1>\n{body}</body>\n</html>\n"
    )
}

fn faults(armed: &[Armed]) -> String {
    if armed.is_empty() {
        return "<p id=\"faults\">No fault is armed.</p>\n".to_owned();
    }
    let mut text = "<div class=\"scroll\"><table id=\"faults\">\n<tr><th class=\"text\">fault</th><th class=\"text\">state</th><th>left</th>\
                    <th>asked</th><th>achieved</th><th class=\"text\">fidelity</th><th class=\"text\">what</th></tr>\n"
        .to_owned();
    for fault in armed {
        let what = [std::slice::from_ref(&fault.what), fault.notes.as_slice()].concat().join("; ");
        // Nothing is lost by a String that is written to.
        _ = writeln!(
            text,
            "<tr><td class=\"text\">{}</td><td class=\"text\">{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"text\">{}</td><td class=\"text what\">{}</td></tr>",
            Escaped(&fault.id),
            fault.state,
            fault.left,
            Escaped(&fault.asked),
            Escaped(&fault.achieved),
            fault.verdict,
            Escaped(&what)
        );
    }
    text + "</table></div>\n"
}

fn saturated(hot: &[HotDoc]) -> String {
    hot.iter().map(|hot| format!("<p class=\"hot\">{}</p>\n", Escaped(&hot_words(hot)))).collect()
}

/// What injector costs, and what it did not see.
fn own(own: &Own) -> String {
    let or = |parts: &[String], nothing: &str| match parts {
        [] => nothing.to_owned(),
        parts => parts.join(", "),
    };
    let cost = format!("own cost: {}", or(&own.cost, "not told"));
    let lost = format!("not observed: {}", or(&own.lost, "nothing is missing"));
    format!("<p id=\"own\">{}<br>{}</p>\n", Escaped(&cost), Escaped(&lost))
}

fn signals(seen: &Seen<'_>) -> String {
    if seen.golden.cgroups.is_empty() {
        return "<p>No flows: nothing is watched (<code>watch</code> in the daemon's configuration).</p>\n"
            .to_owned();
    }
    let heads: String = COLUMNS.iter().map(|column| format!("<th>{column}</th>")).collect();
    let mut text = format!(
        "<div class=\"scroll\"><table id=\"signals\">\n<tr><th class=\"name\">cgroup</th>{heads}<th>traffic</th><th>p99</th></tr>\n"
    );
    // Each cgroup has its place before any dependency has one.
    let mut room = MOST_IN_ALL.saturating_sub(seen.golden.cgroups.len().min(MOST));
    rows(&seen.golden.cgroups, &["cgroup", "dependency"], MOST, &mut room, seen.pace, &mut text);
    text + "</table></div>\n"
}

/// The rows of a level, and below each those of the next, as many levels as there are classes.
fn rows(level: &[Row], classes: &[&str], most: usize, room: &mut usize, pace: &Pace, text: &mut String) {
    let Some((class, below)) = classes.split_first() else { return };
    let mut sorted: Vec<&Row> = level.iter().collect();
    sort(&mut sorted, Sort::Traffic, pace);
    for row in sorted.iter().take(most) {
        *text += &line(row, class, pace);
        let shown = row.below.len().min(MOST).min(*room);
        if !below.is_empty() {
            *room -= shown;
        }
        rows(&row.below, below, shown, room, pace, text);
    }
    if let Some(more) = sorted.len().checked_sub(most).filter(|more| *more > 0) {
        let columns = COLUMNS.len() + 3;
        *text += &format!(
            "<tr><td class=\"text\" colspan=\"{columns}\">and {more} more: injector top</td></tr>\n"
        );
    }
}

/// All that is known of a row.
fn signals_of(row: &Row) -> String {
    let details = details(row);
    let parts = details
        .iter()
        .map(|(signal, parts)| format!("<span><b>{signal}</b> {}</span>", Escaped(&parts.join(", "))));
    parts.collect::<Vec<_>>().join(" ")
}

fn line(row: &Row, class: &str, pace: &Pace) -> String {
    let cells: String = cells(row, pace).iter().map(|cell| format!("<td>{}</td>", Escaped(cell))).collect();
    let (traffic, p99) = (pace.traffic(&row.id), pace.p99(&row.id));
    let said = |what: &str, most: String| format!("{what} of the last {} looks, up to {most}", traffic.len());
    let lines = [
        svg::line(&traffic, &said("bytes a second", bytes(traffic.iter().copied().max().unwrap_or(0)))),
        svg::line(&p99, &said("p99", micros(p99.iter().copied().max()))),
    ];
    let [traffic, p99] = lines;
    format!(
        "<tr class=\"{class}\"><td class=\"name\">{}</td>{cells}<td>{traffic}</td><td>{p99}</td></tr>\n\
         <tr class=\"{class} details\"><td colspan=\"{}\">{}</td></tr>\n",
        Escaped(&row.name),
        COLUMNS.len() + 3,
        signals_of(row)
    )
}
