//! Questions for names, and what becomes of them.

use super::{HostName, as_text};
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// Which names are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DnsPattern {
    /// `*`: all.
    All,
    /// `example.com`: this one.
    Name(HostName),
    /// `*.example.com`: all below it, at any depth, without the name itself.
    Below(HostName),
}

impl FromStr for DnsPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "*" {
            return Ok(DnsPattern::All);
        }
        let (name, below) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        if name.contains('*') {
            return Err(Error::usage(format!("`{}` is not a pattern of names", text.escape_debug()))
                .hint("a * stands at the beginning only: *, *.example.com or example.com"));
        }
        let name = name.parse()?;
        Ok(if below { DnsPattern::Below(name) } else { DnsPattern::Name(name) })
    }
}

impl fmt::Display for DnsPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DnsPattern::All => f.write_str("*"),
            DnsPattern::Name(name) => name.fmt(f),
            DnsPattern::Below(name) => write!(f, "*.{name}"),
        }
    }
}

as_text!(DnsPattern, "a pattern of names such as \"*.example.com\"");

/// What becomes of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DnsAnswer {
    /// It is lost: there is no answer.
    Lost,
    /// It leaves later.
    Delayed,
    /// There is no such name (NXDOMAIN).
    Nxdomain,
    /// The server failed (SERVFAIL).
    Servfail,
    /// The name is there and has no address: an answer without records.
    Empty,
    /// It is lost, and both ends are told that the connection was reset: TCP only, so for all names only.
    Reset,
}

/// The answers, and how they are written.
const ANSWERS: [(&str, DnsAnswer); 6] = [
    ("lost", DnsAnswer::Lost),
    ("delayed", DnsAnswer::Delayed),
    ("nxdomain", DnsAnswer::Nxdomain),
    ("servfail", DnsAnswer::Servfail),
    ("empty", DnsAnswer::Empty),
    ("reset", DnsAnswer::Reset),
];

impl FromStr for DnsAnswer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = ANSWERS.into_iter().find(|(name, _)| *name == text);
        found.map(|(_, answer)| answer).ok_or_else(|| {
            Error::usage(format!("`{}` is not an answer", text.escape_debug()))
                .hint("write lost, delayed, nxdomain, servfail, empty or reset")
        })
    }
}

impl fmt::Display for DnsAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = ANSWERS.into_iter().find(|(_, answer)| answer == self);
        f.write_str(found.map_or("lost", |(name, _)| name))
    }
}

as_text!(DnsAnswer, "lost, delayed, nxdomain, servfail, empty or reset");
