//! What is shown, and what keys do to it. Knows no terminal.

use super::{feed::Look, keys::Key};
use crate::{
    api::types::HaltDoc,
    error::{Error, Kind},
    observe::{
        golden::{Armed, Golden, Own, Pace, Row, Sort, armed, golden, own, sort},
        saturation::hot_words,
    },
};

/// Of the last look.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) node: String,
    pub(super) kernel: String,
    pub(super) mode: String,
    pub(super) halted: Option<HaltDoc>,
    pub(super) disarmed: Option<String>,
    pub(super) armed: Vec<Armed>,
    pub(super) own: Own,
    /// What is nearly full or runs over, in words.
    pub(super) saturated: Vec<String>,
    pub(super) golden: Golden,
}

/// Whether somebody is about to halt.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Halting {
    #[default]
    No,
    Asked,
    Begun,
    Said(String),
}

/// What a key asks for beyond the state.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Todo {
    Nothing,
    Quit,
    Halt,
    Clear,
    /// Begin to measure the own cost, or end it.
    Measure(bool),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) seen: Option<Seen>,
    pub(super) pace: Pace,
    /// What the daemon, or its absence, said last.
    pub(super) gone: Option<String>,
    pub(super) halting: Halting,
    pub(super) sort: Sort,
    /// Whether the own cost is measured.
    pub(super) measuring: bool,
    /// Ids of the rows that were entered.
    path: Vec<String>,
    /// The id of the row that is chosen; the first one while it is none.
    chosen: Option<String>,
}

impl State {
    pub(super) fn look(&mut self, look: Look) {
        let golden = golden(&look.flows, look.saturation.as_ref());
        self.pace.look(&golden);
        self.gone = None;
        self.seen = Some(Seen {
            armed: armed(&look.status),
            own: own(&look.status.own, &look.status.lost, &look.flows.kinds_lost, look.cost.as_ref()),
            saturated: look.status.saturated.iter().map(hot_words).collect(),
            node: look.node,
            kernel: look.status.kernel,
            mode: look.status.mode,
            halted: look.status.halted,
            disarmed: look.status.disarmed,
            golden,
        });
    }

    pub(super) fn gone(&mut self, error: &Error) {
        let who = if error.kind == Kind::Unreachable { "NO DAEMON" } else { "THE DAEMON REFUSES" };
        self.gone = Some(format!("{who}, trying again: {}", error.message));
    }

    pub(super) fn halted(&mut self, said: String) {
        self.halting = Halting::Said(said);
    }

    /// The rows of this level, sorted, and the place of the chosen one.
    pub(super) fn rows(&self) -> (Vec<&Row>, usize) {
        let mut rows: Vec<&Row> = self.level().0.iter().collect();
        sort(&mut rows, self.sort, &self.pace);
        let at = rows.iter().position(|row| Some(&row.id) == self.chosen.as_ref()).unwrap_or(0);
        (rows, at)
    }

    /// The names of the rows that were entered.
    pub(super) fn entered(&self) -> Vec<&str> {
        self.level().1
    }

    /// As far down as the rows that were entered are still there.
    fn level(&self) -> (&[Row], Vec<&str>) {
        let mut rows: &[Row] = self.seen.as_ref().map_or(&[], |seen| &seen.golden.cgroups);
        let mut names = Vec::new();
        for id in &self.path {
            let Some(row) = rows.iter().find(|row| row.id == *id) else { break };
            names.push(row.name.as_str());
            rows = &row.below;
        }
        (rows, names)
    }

    pub(super) fn key(&mut self, key: Key) -> Todo {
        let asked = std::mem::take(&mut self.halting);
        match (&asked, key) {
            // A way out that does not depend on anything.
            (_, Key::Quit) => return Todo::Quit,
            (Halting::Asked, Key::Yes) => {
                self.halting = Halting::Begun;
                return Todo::Halt;
            }
            // Any other key is a no.
            (Halting::Asked, _) => return Todo::Nothing,
            (Halting::Begun, _) => self.halting = asked,
            (_, Key::Halt) => {
                self.halting = Halting::Asked;
                return Todo::Nothing;
            }
            _ => {}
        }
        self.move_to(key)
    }

    fn move_to(&mut self, key: Key) -> Todo {
        // What was entered may be gone.
        let depth = self.level().1.len();
        self.path.truncate(depth);
        let (rows, at) = self.rows();
        let last = rows.len().saturating_sub(1);
        let id = |at: usize| rows.get(at).map(|row| row.id.clone());
        match key {
            Key::Up => self.chosen = id(at.saturating_sub(1)),
            Key::Down => self.chosen = id((at + 1).min(last)),
            Key::First => self.chosen = id(0),
            Key::Last => self.chosen = id(last),
            Key::Into => {
                if let Some(row) = rows.get(at).filter(|row| !row.below.is_empty()) {
                    self.path.push(row.id.clone());
                    self.chosen = None;
                }
            }
            Key::Out => {
                if let Some(left) = self.path.pop() {
                    self.chosen = Some(left);
                }
            }
            Key::Sort => self.sort = self.sort.next(),
            Key::Cost => {
                self.measuring = !self.measuring;
                return Todo::Measure(self.measuring);
            }
            Key::Redraw => return Todo::Clear,
            Key::Quit | Key::Halt | Key::Yes | Key::Other => {}
        }
        Todo::Nothing
    }
}
