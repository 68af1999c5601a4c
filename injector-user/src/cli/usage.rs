//! clap's endings as ours.

use clap::error::{Error as ClapError, ErrorKind};

use super::out::{self, Stop};
use crate::error::Error;

/// `--help` and `--version` are printed; everything else is a usage error with clap's own advice as its hint.
pub(super) fn explain(error: ClapError) -> Stop {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return out::say(text.trim_end()).err().unwrap_or(Stop::Enough);
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let message = match lines.next().unwrap_or_default().trim_start_matches("error: ") {
        message if message.contains("requires a subcommand") => {
            "what shall be done? A verb is missing".to_owned()
        }
        message => message.to_owned(),
    };
    let advice = lines.clone().find_map(|line| line.strip_prefix("tip: "));
    let usage = lines.find_map(|line| line.strip_prefix("Usage: "));
    let hint = match (advice, usage) {
        (Some(advice), _) => advice.to_owned(),
        (None, Some(usage)) => format!("usage: {usage}; --help says more"),
        (None, None) => "--help says more".to_owned(),
    };
    Stop::Error(Error::usage(message).hint(hint))
}
