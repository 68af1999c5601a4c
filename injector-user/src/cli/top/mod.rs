//! `injector top`: the four golden signals on a terminal, the faults, and the halt lever.

mod draw;
mod feed;
mod keys;
mod lines;
mod state;
mod terminal;

use std::{
    env,
    io::{IsTerminal as _, stdin, stdout},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, TryRecvError},
    },
    thread,
    time::Duration,
};

use clap::Args;
use feed::Update;
use state::{State, Todo};
use terminal::Screen;

use super::{
    context::Context,
    halt,
    out::{Outcome, Stop},
};
use crate::{api::client::encoded, error::Error, spec::TargetSpec};

/// How long a key is waited for before the daemon's news are looked at.
const WAIT: Duration = Duration::from_millis(100);

/// Watch latency, traffic, errors and saturation by cgroup, down to dependencies and flows, and the faults that are
/// there, on a terminal. Keys: up and down, Enter (into), Esc (out), s (sort), c (measure the own cost), H and
/// then y (halt), q (quit).
#[derive(Debug, Args)]
pub(super) struct Top {
    /// Whose: cgroup:/PATH, unit:NAME, container:ID_OR_NAME, pod:NAMESPACE/NAME or pid:N; repeat it for several
    /// [default: all that is watched].
    #[arg(long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// Without colours, as with NO_COLOR in the environment.
    #[arg(long)]
    no_color: bool,
}

/// Runs the verb.
pub(super) fn run(args: &Top, context: &Context) -> Outcome {
    let targets: Vec<TargetSpec> =
        args.targets.iter().map(|target| target.parse()).collect::<Result<_, Error>>()?;
    can_draw(
        context.json,
        env::var("TERM").ok().as_deref(),
        stdin().is_terminal() && stdout().is_terminal(),
    )?;
    let colour = !args.no_color && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let query: Vec<_> =
        targets.iter().map(|target| format!("target={}", encoded(&target.to_string()))).collect();
    let measure = Arc::new(AtomicBool::new(false));
    let news = feed::start(context.client()?, query.join("&"), measure.clone())?;
    let mut screen = Screen::enter()?;
    let ended = watch(&mut screen, &news, &measure, colour, context);
    drop(screen);
    ended
}

/// What is no screen gets lines: that is another verb.
fn can_draw(json: bool, term: Option<&str>, terminal: bool) -> Result<(), Error> {
    let why = if json {
        "top draws a screen and has no JSON"
    } else if !terminal {
        "top needs a terminal, for its keys and its screen"
    } else if matches!(term, None | Some("" | "dumb")) {
        "top can't draw on a dumb terminal (TERM)"
    } else {
        return Ok(());
    };
    Err(Error::usage(why)
        .hint("for lines, or programs: injector flows --watch [--json], injector status [--json]"))
}

fn watch(
    screen: &mut Screen,
    news: &Receiver<Update>,
    measure: &AtomicBool,
    colour: bool,
    context: &Context,
) -> Outcome {
    let mut state = State::default();
    let (halts, halted) = std::sync::mpsc::channel();
    loop {
        loop {
            match news.try_recv() {
                Ok(Update::Look(look)) => state.look(*look),
                Ok(Update::Gone(error)) => state.gone(&error),
                Ok(Update::Signal) => return Err(Error::interrupted("ended by a signal").into()),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    return Err(Error::failed("reading from the daemon failed").into());
                }
            }
        }
        if let Ok(said) = halted.try_recv() {
            state.halted(said);
            // A remark on stderr may have come in between.
            screen.clear()?;
        }
        screen.draw(|frame| draw::draw(frame, &state, colour))?;
        fail_for_tests();
        let Some(key) = terminal::key(WAIT)? else { continue };
        match state.key(key) {
            Todo::Nothing => {}
            Todo::Quit => return Ok(()),
            Todo::Clear => screen.clear()?,
            Todo::Measure(on) => measure.store(on, Ordering::Relaxed),
            Todo::Halt => {
                let (context, halts) = (context.clone(), halts.clone());
                // A halt that hangs does not keep anybody from reading what it is about.
                thread::spawn(move || _ = halts.send(halt_now(&context)));
            }
        }
    }
}

/// What came of it, in a line.
fn halt_now(context: &Context) -> String {
    match halt::perform("by a key of injector top", context) {
        Ok(halted) => match halted.clean.map(|clean| clean.left).unwrap_or_default().as_slice() {
            [] => "HALTED: nothing acts any more. To arm again: injector halt --lift".to_owned(),
            left => format!("HALTED, NOT CLEAN: {} left: {}", left.len(), left.join(", ")),
        },
        Err(Stop::Error(error)) => format!("NOT HALTED: {error}"),
        Err(Stop::Enough) => "NOT HALTED".to_owned(),
    }
}

/// A panic must leave the terminal as it was; nothing that is sent here can cause one.
fn fail_for_tests() {
    if env::var_os("INJECTOR_FAILPOINTS").is_some_and(|value| value == "top-panics") {
        panic!("failpoint: top panics");
    }
}

#[cfg(test)]
mod tests;
