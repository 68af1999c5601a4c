//! The figures as tables.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn number(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap_or(f64::NAN)
}

/// Names and figures of the cases that break the promise. No figure at all breaks it, too.
pub fn over(rows: &Value, bound: f64) -> Result<Vec<(String, f64)>> {
    let promised: Vec<_> = self::rows(rows).filter(|row| row["promised"] == true).collect();
    ensure!(!promised.is_empty(), "the bench program measured nothing that a bound is promised for");
    let mut over = Vec::new();
    for row in promised {
        let name = row["name"].as_str().context("a row has no name")?;
        let above = row["above_empty"].as_f64().with_context(|| format!("{name} has no figure"))?;
        if above >= bound {
            over.push((name.to_owned(), above));
        }
    }
    Ok(over)
}

/// How many times as long the cases take that have many rules or cgroups.
pub fn growth(document: &Value) -> Result<Vec<(String, f64)>> {
    let ns = |name: &str| {
        rows(&document["programs"]).find(|row| row["name"] == name).and_then(|row| row["ns"].as_f64())
    };
    let mut grown = Vec::new();
    for row in rows(&document["programs"]) {
        let Some(few) = row["few"].as_str() else { continue };
        let name = row["name"].as_str().context("a row has no name")?;
        let times = ns(name).zip(ns(few)).map(|(many, few)| many / few);
        grown.push((name.to_owned(), times.with_context(|| format!("{name} or {few} has no figure"))?));
    }
    ensure!(!grown.is_empty(), "the bench program measured nothing that could grow");
    Ok(grown)
}

/// A table of test runs.
fn programs(list: &Value) -> String {
    let mut out = "| program and state | ns | (least, most) | x empty | ns above empty |\n".to_owned();
    out += "|---|--:|---|--:|--:|\n";
    for row in rows(list) {
        let _ = writeln!(
            out,
            "| {}{} | {:.1} | ({:.1}, {:.1}) | {:.2} | {:.1} |",
            row["name"].as_str().unwrap_or_default(),
            if row["promised"] == true { " *" } else { "" },
            number(row, "ns"),
            number(row, "least"),
            number(row, "most"),
            number(row, "times_empty"),
            number(row, "above_empty"),
        );
    }
    out
}

/// All tables, as Markdown that can be read as it is.
pub fn markdown(document: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut out = format!("{}\n\n", text(&document["machine"]));
    let _ = writeln!(
        out,
        "BPF_PROG_TEST_RUN, n = {} rounds of {} runs, medians (least, most); CPU time of one thread on CPU {}; \
         a TCP packet of {} bytes. Rows marked * are to be less than 40 ns above the empty program.\n",
        document["rounds"], document["repeat"], document["cpu"], document["packet_bytes"]
    );
    out += &programs(&document["programs"]);
    let _ = writeln!(
        out,
        "\nWhat stands at the entry of a call, by a raw tracepoint's program that goes through it 1,000 times in a run. Rows \
         marked * are to be less than 60 ns above the empty program.\n"
    );
    out += &programs(&document["calls"]);
    let traffic = &document["traffic"];
    let _ = writeln!(
        out,
        "\nUDP to and fro over veth, both ends in one thread of one watched cgroup, n = {} rounds, medians:\n",
        document["rounds"]
    );
    let _ = writeln!(out, "| state | ns a round trip | ns above none | % |\n|---|--:|--:|--:|");
    for row in rows(&traffic["round_trips"]) {
        let (ns, above, per_cent) = (number(row, "ns"), number(row, "above_none"), number(row, "per_cent"));
        let _ = writeln!(out, "| {} | {ns:.0} | {above:+.0} | {per_cent:+.1} |", text(&row["name"]));
    }
    let _ =
        writeln!(out, "\nThe kernel's own account of the same packets, its cost of some 30 ns included:\n");
    let _ = writeln!(out, "| program | runs | ns a run |\n|---|--:|--:|");
    for row in rows(&traffic["counted"]) {
        let _ = writeln!(out, "| {} | {} | {:.0} |", text(&row["program"]), row["runs"], number(row, "ns"));
    }
    out += &observing(&document["observing"]);
    out += &waits(document);
    out
}

/// What observing costs.
fn observing(measured: &Value) -> String {
    let mut out = "\nObserving, ns above an empty program, beside a hash of flows in place of what lives in the socket \
                   (bound: what is aimed at), and beside an array of counters by the socket's number: the least that anything \
                   can take that counts by socket.\n\n| what | empty | ns | above empty | bound | hash, above empty | of the hash | \
                   array, above empty |\n|---|--:|--:|--:|--:|--:|--:|--:|\n"
        .to_owned();
    let cell = |row: &Value, name: &str| row[name].as_f64().map_or_else(String::new, |n| format!("{n:.1}"));
    for row in rows(&measured["packets"]) {
        let of_hash = row["of_hash"].as_f64().map_or_else(String::new, |n| format!("{n:.2}"));
        let name = row["name"].as_str().unwrap_or_default();
        let cells = ["empty", "ns", "above_empty", "bound", "hash_above_empty"].map(|name| cell(row, name));
        let _ = writeln!(
            out,
            "| {name} | {} | {of_hash} | {} |",
            cells.join(" | "),
            cell(row, "line_above_empty")
        );
    }
    let read = &measured["read"];
    let _ = writeln!(
        out,
        "\n{} flows are read in {:.1} ms, {:.1} ms of CPU; the room for them is {:.1} MB, all maps are {:.1} MB of kernel \
         memory (fdinfo `memlock`; what lives in sockets is not in it: some 256 bytes each, and once as much for the socket).",
        read["flows"],
        number(read, "ms"),
        number(read, "cpu_ms"),
        number(read, "room_bytes") / 1e6,
        number(measured, "map_bytes") / 1e6,
    );
    out
}

/// The waiting for CPUs and disks.
fn waits(document: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let waits = &document["waits"];
    let mut out = String::new();
    let _ = writeln!(
        out,
        "\nTwo threads of one cgroup on one CPU hand a byte to and fro by pipes, with `run_queue`, n = {} rounds, medians:\n",
        document["rounds"]
    );
    let _ = writeln!(out, "| state | ns a hand-over | ns above none | % |\n|---|--:|--:|--:|");
    for row in rows(&waits["switches"]) {
        let (ns, above, per_cent) = (number(row, "ns"), number(row, "above_none"), number(row, "per_cent"));
        let _ = writeln!(out, "| {} | {ns:.0} | {above:+.0} | {per_cent:+.1} |", text(&row["name"]));
    }
    out += "\nThe kernel's own account of these, and of requests to a loop device, its cost of some 30 ns included:\n\n| program | runs | ns a run |\n|---|--:|--:|\n";
    for row in rows(&waits["counted"]) {
        let _ = writeln!(out, "| {} | {} | {:.0} |", text(&row["program"]), row["runs"], number(row, "ns"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(name: &str, above: f64, promised: bool) -> Value {
        json!({"name": name, "above_empty": above, "promised": promised})
    }

    /// Whoever adds a table by hand would lose it with the next `--write`.
    #[test]
    fn all_that_the_file_holds_is_written() -> Result<()> {
        let file = std::fs::read_to_string(crate::paths::repo().join("docs/BENCHMARKS.md"))?;
        let part = file
            .split_once("<!-- bench: begin -->\n")
            .and_then(|(_, rest)| rest.split_once("<!-- bench: end"));
        let (part, _) = part.context("no marks")?;
        let machine = part.lines().next().unwrap_or_default();
        let written = markdown(&json!({
            "machine": machine, "rounds": 5, "repeat": 300_000, "cpu": 1, "packet_bytes": 266,
            "observing": {
                "read": {"flows": 1, "ms": 1.0, "cpu_ms": 1.0, "room_bytes": 1e6}, "map_bytes": 1e6,
            },
        }));
        // All but the tables' rows and the figures.
        let frame = |text: &str| -> Vec<String> {
            let lines: Vec<&str> = text.lines().chain([""]).collect();
            let kept =
                lines.windows(2).filter(|pair| !pair[0].starts_with("| ") || pair[1].starts_with("|-"));
            kept.map(|pair| pair[0].replace(|c: char| c.is_ascii_digit(), "")).collect()
        };
        assert_eq!(frame(part), frame(&written));
        Ok(())
    }

    #[test]
    fn growth_is_that_of_the_whole_program() -> Result<()> {
        let row = |name: &str, ns: f64, few: Option<&str>| json!({"name": name, "ns": ns, "few": few});
        let document = json!({"programs": [row("one", 50.0, None), row("16", 80.0, Some("one"))]});
        assert_eq!(growth(&document)?, [("16".to_owned(), 1.6)]);
        assert!(growth(&json!({"programs": [row("16", 80.0, Some("one"))]})).is_err());
        assert!(growth(&json!({"programs": [row("one", 50.0, None)]})).is_err());
        Ok(())
    }

    #[test]
    fn only_what_is_promised_is_bounded() -> Result<()> {
        let rows = json!([row("a", 39.9, true), row("b", 40.0, true), row("c", 90.0, false)]);
        assert_eq!(over(&rows, 40.0)?, [("b".to_owned(), 40.0)]);
        assert!(over(&json!([row("c", 1.0, false)]), 40.0).is_err());
        assert!(over(&json!([{"name": "a", "promised": true}]), 40.0).is_err());
        assert!(over(&Value::Null, 40.0).is_err());
        Ok(())
    }
}
