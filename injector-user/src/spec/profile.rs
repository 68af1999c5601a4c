//! Faults that belong together, under one name.

mod built_in;
mod raw;

use super::{FaultKind, FaultName, FaultSpec, Match, Words};
use crate::error::Error;
use serde::Deserialize;

pub use built_in::BUILT_IN;

/// The most faults of a profile: as many as there can be on a node.
const MOST: usize = 16;

/// Faults that belong together, such as a kind of network. The file is YAML; unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "raw::RawProfile")]
pub struct Profile {
    /// Its name.
    pub name: FaultName,
    /// What it is like, in one line.
    pub about: Words,
    /// Where its figures are from.
    pub source: Words,
    /// The faults, 1 to 16.
    pub faults: Vec<ProfileFault>,
}

/// One of a profile's faults: what goes wrong and for which packets. Whom it hits and for how long is said when the
/// profile is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileFault {
    /// What goes wrong.
    pub fault: FaultKind,
    /// Which packets, without peers.
    pub matching: Match,
}

impl Profile {
    /// Reads the YAML; an error's message has line and column.
    ///
    /// # Errors
    /// Usage: a key is unknown or missing, or a value is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        serde_saphyr::from_str(text).map_err(|error| {
            let message = error.without_snippet().to_string();
            let first = message.lines().next().unwrap_or_default();
            Error::usage(first.trim_start_matches("error: "))
                .hint("its keys: name, about, source and faults; docs/PROFILES.md has examples")
        })
    }

    /// The faults, as `with` completes each.
    ///
    /// # Errors
    /// Usage: what was completed does not fit, such as a peer's port and a fault of names.
    pub fn specs(
        &self,
        with: impl Fn(usize, &ProfileFault) -> Result<FaultSpec, Error>,
    ) -> Result<Vec<FaultSpec>, Error> {
        self.faults.iter().enumerate().map(|(index, fault)| with(index, fault)).collect()
    }
}

#[cfg(test)]
mod tests;
