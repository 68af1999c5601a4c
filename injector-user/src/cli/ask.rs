//! The flags that all verbs of one fault have, and how flags are read.

use std::str::FromStr;

use clap::Args;

use super::whom::Whom;
use crate::{
    error::Error,
    spec::{FaultKind, FaultSpec, Match, Ramp},
};

/// Whom, how long, under which name, and step by step or not.
#[derive(Debug, Args)]
pub(super) struct Common {
    #[command(flatten)]
    whom: Whom,
    /// Raise the share step by step: FROM..TO/TIME, such as 1%..20%/60s. It stands for --percent.
    #[arg(long, value_name = "RAMP")]
    ramp: Option<String>,
}

impl Common {
    /// The ramp.
    pub(super) fn ramp(&self) -> Result<Option<Ramp>, Error> {
        value("--ramp", self.ramp.as_deref())
    }

    /// The fault of `kind`, checked.
    pub(super) fn spec(&self, kind: FaultKind, matching: Match) -> Result<FaultSpec, Error> {
        let verb = kind.verb();
        let spec = FaultSpec { ramp: self.ramp()?, ..self.whom.spec(verb, kind, matching)? };
        spec.validate()?;
        Ok(spec)
    }
}

/// The value of a flag, read by its own type; the flag's name stands before what is wrong with it.
pub(super) fn value<T: FromStr<Err = Error>>(flag: &str, text: Option<&str>) -> Result<Option<T>, Error> {
    text.map(|text| text.parse().map_err(|error| of_flag(flag, error))).transpose()
}

/// The values of a flag that can be repeated.
pub(super) fn values<T: FromStr<Err = Error>>(flag: &str, texts: &[String]) -> Result<Vec<T>, Error> {
    texts.iter().map(|text| text.parse().map_err(|error| of_flag(flag, error))).collect()
}

/// The value of a flag that `verb` can't do without.
pub(super) fn needed<T: FromStr<Err = Error>>(
    flag: &str,
    text: Option<&str>,
    missing: &str,
    hint: &str,
) -> Result<T, Error> {
    value(flag, text)?.ok_or_else(|| Error::usage(missing).hint(hint))
}

/// An error with the flag's name before it.
pub(super) fn of_flag(flag: &str, error: Error) -> Error {
    Error { message: format!("{flag}: {}", error.message), ..error }
}
