//! Where text goes, and what ends a command.

use std::io::{ErrorKind, Write as _, stderr, stdout};

use serde::Serialize;

use crate::{error::Error, session};

/// What ends a command before its last line.
#[derive(Debug)]
pub(super) enum Stop {
    /// Nobody reads on (a broken pipe), or there is no more to say: success.
    Enough,
    /// It did not work.
    Error(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Error(error)
    }
}

/// How a command ended.
pub(super) type Outcome = Result<(), Stop>;

/// A line on stdout, at once.
pub(super) fn say(line: &str) -> Outcome {
    let mut out = stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Stop::Enough),
        Err(error) => Err(Error::failed(format!("can't write to stdout: {error}")).into()),
    }
}

/// A document on stdout, on one line.
pub(super) fn document<T: Serialize>(document: &T) -> Outcome {
    let text = serde_json::to_string(document)
        .map_err(|error| Error::failed(format!("the answer can't be written: {error}")))?;
    say(&text)
}

/// An error on stderr. If that is closed there is nobody to tell.
pub(super) fn complain(error: &Error, json: bool) {
    let text = if json {
        error.document(&session::node()).to_string()
    } else {
        let hint = error.hint.as_ref().map_or_else(String::new, |hint| format!("\n  hint: {hint}"));
        format!("injector: {}{hint}", error.message)
    };
    _ = writeln!(stderr(), "{text}");
}

/// A remark on stderr.
pub(super) fn remark(text: &str) {
    _ = writeln!(stderr(), "injector: {text}");
}
