//! The picture: a function of the state and the size.

use ratatui::{
    Frame,
    style::{Color, Modifier, Style},
    text::{Line, Span},
};

use super::{
    lines::{cut, heading, line, wrapped},
    state::{Halting, Seen, State},
};
use crate::{
    cli::{text::plain, when},
    observe::{
        figures::micros,
        golden::{Armed, details, spark},
    },
};

/// Less room shows nothing that helps.
const LEAST: (u16, u16) = (60, 16);

/// Lines for faults, at most: more are counted.
const FAULTS: usize = 5;
/// So many faults have two lines each.
const WHOLE: usize = 2;
/// Lines for what is nearly full or runs over.
const HOT: usize = 2;
/// Rows of the table, at least.
const LEAST_ROWS: usize = 3;

/// What a line is about; never told by its colour alone.
#[derive(Clone, Copy)]
enum Look {
    Plain,
    Head,
    Chosen,
    Alarm,
    Dim,
}

fn style(look: Look, colour: bool) -> Style {
    let style = match look {
        Look::Plain | Look::Dim => Style::new(),
        Look::Head => Style::new().add_modifier(Modifier::BOLD),
        Look::Chosen => Style::new().add_modifier(Modifier::REVERSED),
        Look::Alarm => Style::new().add_modifier(Modifier::BOLD),
    };
    match look {
        Look::Alarm if colour => style.fg(Color::Red),
        Look::Head if colour => style.fg(Color::Cyan),
        Look::Dim if colour => style.fg(Color::DarkGray),
        _ => style,
    }
}

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State, colour: bool) {
    let area = frame.area();
    let (width, height) = (area.width, area.height);
    let mut lines = if width < LEAST.0 || height < LEAST.1 {
        let said = format!("{width}x{height} is too small: {}x{} at least, 80x24 is good", LEAST.0, LEAST.1);
        vec![(said, Look::Alarm), ("q: quit".to_owned(), Look::Plain)]
    } else {
        picture(state, width, usize::from(height))
    };
    lines.truncate(usize::from(height));
    for (y, (text, look)) in (area.y..).zip(lines) {
        // The whole line has the style, so that the chosen one is a bar.
        let text = format!("{text:<width$}", width = usize::from(width));
        let line = Line::from(Span::styled(text, style(look, colour)));
        frame.buffer_mut().set_line(area.x, y, &line, width);
    }
}

fn picture(state: &State, width: u16, height: usize) -> Vec<(String, Look)> {
    // The keys, and a few rows, have their places first.
    let rows = state.rows().0.len();
    let least = bottom(state, width, 0).len() + 1;
    let most = height.saturating_sub(least + LEAST_ROWS);
    let mut lines = top(state, width);
    if lines.len() > most {
        lines.truncate(most.saturating_sub(1));
        lines.push(("  ... (a higher terminal has room for more)".to_owned(), Look::Dim));
    }
    let spare = height.saturating_sub(lines.len() + least + rows.max(LEAST_ROWS));
    let bottom = bottom(state, width, spare);
    let entered = state.entered();
    let level = match entered.as_slice() {
        [] => "cgroups".to_owned(),
        entered => entered.iter().map(|name| plain(name)).collect::<Vec<_>>().join(" > "),
    };
    lines.push((heading(&level, width), Look::Head));
    let room = height.saturating_sub(lines.len() + bottom.len());
    lines.extend(table(state, width, room));
    lines.resize_with(height.saturating_sub(bottom.len()).max(lines.len()), || (String::new(), Look::Plain));
    lines.extend(bottom);
    lines
}

/// Node, state, faults, what is full, cost and losses.
fn top(state: &State, width: u16) -> Vec<(String, Look)> {
    let mut lines = Vec::new();
    match &state.seen {
        None => lines.push(("injector top".to_owned(), Look::Head)),
        Some(seen) => {
            let at = when::clock(&seen.golden.at);
            let (node, kernel) = (plain(&seen.node), plain(&seen.kernel));
            let head = format!("injector top: {node} ({kernel}), mode {}, {at}", seen.mode);
            let head = wrapped("", &[head, seen.golden.window()], width);
            lines.extend(head.into_iter().map(|line| (line, Look::Head)));
            lines.extend(state.gone.iter().map(|said| (plain(said), Look::Alarm)));
            lines.extend(faults(seen, width));
            lines.extend(saturated(seen));
            lines.extend(own(seen, state.measuring, width).into_iter().map(|text| (text, Look::Dim)));
            return lines;
        }
    }
    lines.extend(state.gone.iter().map(|said| (plain(said), Look::Alarm)));
    lines
}

fn saturated(seen: &Seen) -> Vec<(String, Look)> {
    let shown = if seen.saturated.len() > HOT { HOT - 1 } else { HOT };
    let mut lines: Vec<_> =
        seen.saturated.iter().take(shown).map(|said| (plain(said), Look::Alarm)).collect();
    if seen.saturated.len() > shown {
        let more = seen.saturated.len() - shown;
        lines.push((format!("saturated: {more} more: injector saturation"), Look::Alarm));
    }
    lines
}

/// What the tool costs and loses: that tells how far to trust the rest.
fn own(seen: &Seen, measuring: bool, width: u16) -> Vec<String> {
    let own = &seen.own;
    let mut cost = own.cost.clone();
    if own.lost.is_empty() {
        cost.push("nothing lost".to_owned());
    }
    let mut lines = wrapped("own cost: ", &cost, width);
    if measuring {
        let waits = ["is being measured".to_owned()];
        let measured = if own.measured.is_empty() { &waits[..] } else { &own.measured };
        lines.extend(wrapped("programs: ", measured, width));
    }
    if !own.lost.is_empty() {
        lines.extend(wrapped("not observed: ", &own.lost, width));
    }
    lines
}

fn faults(seen: &Seen, width: u16) -> Vec<(String, Look)> {
    let mut lines = Vec::new();
    if let Some(halt) = &seen.halted {
        let why = if halt.why.is_empty() { "no reason given" } else { &halt.why };
        let said = format!("HALTED by {}: {why}. To arm again: injector halt --lift", halt.by);
        lines.push((plain(&said), Look::Alarm));
    }
    lines.extend(
        seen.disarmed.iter().map(|why| (plain(&format!("NOTHING CAN BE ARMED: {why}")), Look::Alarm)),
    );
    match seen.armed.len() {
        0 => lines.push(("no fault is armed".to_owned(), Look::Plain)),
        1 => lines.push(("1 fault".to_owned(), Look::Plain)),
        n => lines.push((format!("{n} faults"), Look::Plain)),
    }
    let shown = if seen.armed.len() > FAULTS { FAULTS - 1 } else { FAULTS };
    let each = if seen.armed.len() > WHOLE { 1 } else { 2 };
    for fault in seen.armed.iter().take(shown) {
        lines.extend(one(fault, each, width));
    }
    if seen.armed.len() > shown {
        lines.push((format!("  and {} more: injector status", seen.armed.len() - shown), Look::Plain));
    }
    lines
}

/// In `most` lines.
fn one(fault: &Armed, most: usize, width: u16) -> impl Iterator<Item = (String, Look)> {
    let Armed { id, state, left, asked, achieved, verdict, what, notes } = fault;
    let mut parts = vec![format!("{left} left"), format!("asked {asked}"), format!("achieved {achieved}")];
    parts.extend((!verdict.is_empty()).then(|| (*verdict).to_owned()));
    parts.extend(notes.iter().cloned());
    parts.push(what.clone());
    let look = if notes.is_empty() && *verdict != "OFF" { Look::Plain } else { Look::Alarm };
    let lines = wrapped(&plain(&format!("  {id} {state} ")), &parts, width);
    cut(lines, most, width).into_iter().map(move |line| (line, look))
}

/// The rows around the chosen one.
fn table(state: &State, width: u16, room: usize) -> Vec<(String, Look)> {
    let (rows, at) = state.rows();
    if rows.is_empty() {
        let said = match &state.seen {
            None => "",
            Some(_) => "  no flows: name some with --target, or with `watch` in the daemon's configuration",
        };
        return vec![(said.to_owned(), Look::Plain)];
    }
    let first = (at + 1).saturating_sub(room);
    let rows = rows.iter().enumerate().skip(first).take(room);
    rows.map(|(n, row)| {
        let look = if n == at { Look::Chosen } else { Look::Plain };
        (line(row, &state.pace, n == at, width), look)
    })
    .collect()
}

/// All of the chosen row, and the keys. A signal has one line, and `spare` ones are theirs who need more.
fn bottom(state: &State, width: u16, spare: usize) -> Vec<(String, Look)> {
    let mut lines = Vec::new();
    let (rows, at) = state.rows();
    if let Some(row) = rows.get(at) {
        let p99 = state.pace.p99(&row.id);
        let past = match p99.iter().copied().max().filter(|most| *most > 0) {
            Some(most) => format!("  p99 {} up to {}", spark(&p99, 20), micros(Some(most))),
            None => String::new(),
        };
        lines.push((format!("  {}{past}", plain(&row.name)), Look::Head));
        let mut spare = spare;
        for (signal, parts) in details(row) {
            let all = wrapped(&format!("  {signal:<12}"), &parts, width);
            let shown = cut(all, 1 + spare, width);
            spare -= shown.len().saturating_sub(1).min(spare);
            lines.extend(shown.into_iter().map(|text| (text, Look::Plain)));
        }
    }
    lines.push(match &state.halting {
        Halting::No => (keys(state), Look::Dim),
        Halting::Asked => (
            "HALT all faults of this node, until that is lifted? y: yes, any other key: no".to_owned(),
            Look::Alarm,
        ),
        Halting::Begun => ("halting ...".to_owned(), Look::Alarm),
        Halting::Said(said) => (plain(said), Look::Alarm),
    });
    lines
}

fn keys(state: &State) -> String {
    format!("H: halt q: quit up/down Enter: into Esc: out c: cost s: sort (by {})", state.sort.name())
}
