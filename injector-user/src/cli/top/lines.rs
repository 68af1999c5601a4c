//! Rows in columns.

use crate::{
    cli::text::plain,
    observe::golden::{COLUMNS, Pace, Row, cells, spark},
};

/// Columns that a screen of 80 has room for, as places in [`COLUMNS`]; a wider one has all of them.
const NARROW: [usize; 7] = [0, 1, 3, 4, 5, 7, 10];
const WIDTHS: [usize; COLUMNS.len()] = [6, 6, 6, 5, 6, 6, 5, 5, 6, 8, 7];
const SPARK: usize = 8;

/// Those for a smaller one.
const LEAST: [usize; 5] = [0, 1, 4, 7, 10];

/// From here on there is room for all columns, and for the narrow ones.
const WIDE: u16 = 117;
const USUAL: u16 = 78;

fn columns(width: u16) -> Vec<usize> {
    match width {
        ..USUAL => LEAST.to_vec(),
        USUAL..WIDE => NARROW.to_vec(),
        _ => (0..COLUMNS.len()).collect(),
    }
}

/// What is left for names.
fn name_width(width: u16) -> usize {
    let numbers: usize = columns(width).iter().map(|at| WIDTHS[*at] + 1).sum();
    usize::from(width).saturating_sub(numbers + 2 + 1 + SPARK)
}

/// The line above the rows.
pub(super) fn heading(level: &str, width: u16) -> String {
    let numbers: String =
        columns(width).iter().map(|at| format!(" {:>width$}", COLUMNS[*at], width = WIDTHS[*at])).collect();
    format!("  {}{numbers} TRAFFIC", fit(level, name_width(width)))
}

/// A row's line. The chosen one begins with `>`.
pub(super) fn line(row: &Row, pace: &Pace, chosen: bool, width: u16) -> String {
    let cells = cells(row, pace);
    let numbers: String =
        columns(width).iter().map(|at| format!(" {:>width$}", cells[*at], width = WIDTHS[*at])).collect();
    let mark = if chosen { '>' } else { ' ' };
    let spark = spark(&pace.traffic(&row.id), SPARK);
    format!("{mark} {}{numbers} {spark}", fit(&plain(&row.name), name_width(width)))
}

/// A label and parts of a list, in as many lines as that takes. Lines after the first begin below the first part.
pub(super) fn wrapped(label: &str, parts: &[String], width: u16) -> Vec<String> {
    let (width, indent) = (usize::from(width), label.chars().count());
    let mut lines = vec![label.to_owned()];
    for (at, part) in parts.iter().enumerate() {
        let comma = if at + 1 < parts.len() { "," } else { "" };
        let part = format!("{}{comma}", plain(part));
        let Some(line) = lines.last_mut() else { return lines };
        let empty = line.chars().count() <= indent;
        if empty {
            *line += &part;
        } else if line.chars().count() + 1 + part.chars().count() <= width {
            *line += &format!(" {part}");
        } else {
            lines.push(format!("{:indent$}{part}", ""));
        }
    }
    lines
}

/// The first `most` lines, and a mark that there are more.
pub(super) fn cut(mut lines: Vec<String>, most: usize, width: u16) -> Vec<String> {
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            let room = usize::from(width).saturating_sub(4);
            *last = format!("{} ...", last.chars().take(room).collect::<String>());
        }
    }
    lines
}

/// Exactly `width` letters: of what is longer the end, which tells more of a path.
fn fit(text: &str, width: usize) -> String {
    let letters = text.chars().count();
    if letters <= width {
        return format!("{text:<width$}");
    }
    let end: String = text.chars().skip(letters + 1 - width.max(1)).collect();
    format!("~{end}")
}
