//! `injector audit verify` and `injector audit show`: the log on disk; no daemon is needed.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    context::Context,
    out::{self, Outcome},
    text::{count, counted},
};
use crate::{
    api,
    error::Error,
    session::{self, audit},
};

/// Check or show the record of all decisions (root).
#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Find changed, removed, inserted and reordered lines; exit 1 if there are any.
    Verify(Verify),
    /// Print the last lines.
    Show(Show),
}

/// Find changed, removed, inserted and reordered lines; exit 1 if there are any.
#[derive(Debug, Args)]
struct Verify {
    /// One file, or another directory [default: all files of the configuration's state_dir].
    #[arg(value_name = "FILE")]
    path: Option<PathBuf>,
}

/// Print the last lines.
#[derive(Debug, Args)]
struct Show {
    /// How many.
    #[arg(short = 'n', value_name = "N", default_value_t = 20)]
    lines: usize,
}

/// Runs the verb.
pub(super) fn run(args: &Audit, context: &Context) -> Outcome {
    match &args.what {
        What::Verify(args) => verify(args, context),
        What::Show(args) => show(args, context),
    }
}

fn verify(args: &Verify, context: &Context) -> Outcome {
    let path = match &args.path {
        Some(path) => path.clone(),
        None => context.config()?.state_dir,
    };
    let report = audit::verify(&path).map_err(|error| unreadable(&path, &error))?;
    if context.json {
        out::document(&api::doc("audit-verify", &session::node(), &report))?;
    } else {
        report.notes.iter().try_for_each(|note| out::say(&format!("note: {note}")))?;
        report.problems.iter().try_for_each(|problem| out::say(&problem.to_string()))?;
    }
    let lines = counted(report.lines, "line", "lines");
    if !report.whole() {
        let broken = counted(report.problems.len() as u64, "place", "places");
        return Err(Error::failed(format!("the audit log is broken in {broken}: {lines}"))
            .hint("journald keeps each line's number and hash: journalctl -t injector -o verbose")
            .into());
    }
    if context.json {
        return Ok(());
    }
    out::say(&format!("{lines}, chain whole, last hash {}", report.last_hash))
}

fn show(args: &Show, context: &Context) -> Outcome {
    let dir = context.config()?.state_dir;
    let lines = audit::last_lines(&dir, args.lines).map_err(|error| unreadable(&dir, &error))?;
    for line in lines {
        out::say(&if context.json { line } else { for_people(&line) })?;
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let shown = path.display();
    match error.kind() {
        ErrorKind::PermissionDenied => {
            Error::refused(format!("you may not read the audit log in {shown}")).hint("only root can: sudo")
        }
        ErrorKind::NotFound => Error::not_found(format!("there is no audit log in {shown}"))
            .hint("`state_dir` in the configuration says where the daemon keeps it"),
        _ => Error::failed(format!("the audit log in {shown} can't be read: {error}")),
    }
}

/// `2026-01-02T03:04:05.678Z  #12  alice  arm allowed  drop-7k3  5 % egress loss`; a line that is none as it is.
fn for_people(line: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(line) else { return format!("? {}", line.escape_debug()) };
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let seq = value.get("seq").and_then(Value::as_u64).map_or_else(|| "?".into(), count);
    let person = value.pointer("/who/person").and_then(Value::as_str).unwrap_or("?");
    let mut parts = vec![text("at").unwrap_or("?").to_owned(), format!("#{seq}"), person.to_owned()];
    parts.push(format!("{} {}", text("action").unwrap_or("?"), text("outcome").unwrap_or("?")));
    parts.extend(
        ["fault", "summary", "reason", "hypothesis", "ticket"]
            .iter()
            .filter_map(|key| text(key))
            .map(String::from),
    );
    if let (Some(limit), Some(asked), Some(allowed)) = (text("limit"), text("asked"), text("allowed")) {
        parts.push(format!("({limit}: asked {asked}, allowed {allowed})"));
    }
    // Names and reasons are other people's text: no control character reaches the terminal.
    parts.join("  ").chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_people_says_all_and_controls_nothing() {
        let line = r#"{"seq":1200,"at":"2026-01-02T03:04:05.678Z","node":"n","who":{"uid":0,"login":1000,"person":"alice","pid":7},
            "action":"arm","outcome":"refused","limit":"max_ttl","asked":"10m","allowed":"5m","reason":"10m is \u001b[31mtoo long"}"#;
        let text = for_people(line);
        assert!(text.starts_with("2026-01-02T03:04:05.678Z  #1,200"), "{text}");
        assert!(text.contains("#1,200  alice  arm refused  10m is  [31mtoo long"), "{text}");
        assert!(text.ends_with("(max_ttl: asked 10m, allowed 5m)") && !text.contains('\u{1b}'), "{text}");
        assert!(for_people("{torn").starts_with("? {torn"));
    }
}
