//! The command line: one file per verb. Every ending is an exit code of DESIGN.md section 5, and every error a
//! kind, a message and a hint; with `--json` it is JSON on stderr.

mod achieved;
mod args;
mod arm;
mod ask;
mod audit;
mod blackhole;
mod call_matching;
mod clean;
mod context;
mod corrupt;
mod cost;
mod daemon;
mod delay;
mod deps;
mod deps_which;
mod differences;
mod dns;
mod doctor;
mod draw;
mod drop;
mod duplicate;
mod ending;
mod events;
mod fail;
mod faults;
mod flows;
mod foreground;
mod garble;
mod halt;
mod limits;
mod local;
mod matching;
mod out;
mod owners;
mod packets;
mod partition;
mod peers;
mod plan;
mod profile;
mod proof;
mod rate;
mod reaction;
mod refuse;
mod reorder;
mod report;
mod reset;
mod run;
mod saturation;
mod saturation_waits;
mod status;
mod stop;
mod table;
mod text;
mod together;
mod top;
mod usage;
mod when;
mod whom;
mod windows;

use std::{ffi::OsString, process::ExitCode};

use args::{Cli, Verb};
use clap::{CommandFactory as _, Parser as _};
use context::Context;
use out::{Outcome, Stop};

use crate::session::watcher;

/// The whole command line, for man pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program's arguments and gives its exit code.
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    if words.get(1).is_some_and(|verb| verb == watcher::VERB) {
        return watch(&words);
    }
    // Also a command line that can't be understood may have asked for JSON.
    let json = words.iter().skip(1).take_while(|word| *word != "--").any(|word| word == "--json");
    let outcome = Cli::try_parse_from(&words).map_err(usage::explain).and_then(|cli| {
        let context = Context { json: cli.json, socket: cli.socket, config: cli.config };
        dispatch(cli.verb, &context)
    });
    match outcome {
        Ok(()) | Err(Stop::Enough) => ExitCode::SUCCESS,
        Err(Stop::Error(error)) => {
            out::complain(&error, json);
            ExitCode::from(error.kind.exit_code())
        }
    }
}

/// The daemon's watcher process: not a verb, and in no help.
fn watch(words: &[OsString]) -> ExitCode {
    let words: Vec<String> = words.iter().skip(2).map(|word| word.to_string_lossy().into_owned()).collect();
    match watcher::run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::remark(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(verb: Verb, context: &Context) -> Outcome {
    match verb {
        Verb::Daemon => daemon::run(context),
        Verb::Doctor(args) => doctor::run(&args, context),
        Verb::Fault(verb) => verb.run(context),
        Verb::Plan(args) => plan::run(&args, context),
        Verb::Profile(args) => profile::run(&args, context),
        Verb::Status(args) => status::run(&args, context),
        Verb::Report(args) => report::run(&args, context),
        Verb::Stop(args) => stop::run(&args, context),
        Verb::Halt(args) => halt::run(&args, context),
        Verb::Clean => clean::run(context),
        Verb::Arm(args) => arm::arm(&args, context),
        Verb::Approve(args) => arm::approve(&args, context),
        Verb::Limits(args) => limits::run(&args, context),
        Verb::Certificate => limits::certificate(context),
        Verb::Saturation(args) => saturation::run(&args, context),
        Verb::Events(args) => events::run(&args, context),
        Verb::Flows(args) => flows::run(&args, context),
        Verb::Top(args) => top::run(&args, context),
        Verb::Deps(args) => deps::run(&args, context),
        Verb::Audit(args) => audit::run(&args, context),
    }
}
