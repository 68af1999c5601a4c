//! Answers that wait until nothing of a fault is left.

use std::collections::VecDeque;

use super::{fault::Fault, handle::Reply};
use crate::{api::types::FaultDoc, error::Error};

#[derive(Debug)]
enum Waiter {
    One(String, Reply<FaultDoc>),
    All(Vec<String>, Reply<Vec<FaultDoc>>),
    Ending(Reply<()>),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Waiters {
    waiting: Vec<Waiter>,
}

impl Waiters {
    /// Answers when this fault has ended.
    pub fn one(&mut self, id: String, reply: Reply<FaultDoc>) {
        self.waiting.push(Waiter::One(id, reply));
    }

    /// Answers when all of these have.
    pub fn all(&mut self, ids: Vec<String>, reply: Reply<Vec<FaultDoc>>) {
        self.waiting.push(Waiter::All(ids, reply));
    }

    /// Answers when there is no fault any more.
    pub fn ending(&mut self, reply: Reply<()>) {
        self.waiting.push(Waiter::Ending(reply));
    }

    /// Answers those whose wait is over.
    pub fn answer(&mut self, live: &[Fault], ended: &VecDeque<FaultDoc>) {
        let gone = |id: &String| !live.iter().any(|fault| fault.id == *id);
        let find = |id: &String| ended.iter().find(|doc| doc.id == *id).cloned();
        let mut waiting = Vec::new();
        for waiter in self.waiting.drain(..) {
            // Whoever asked may be gone: then nobody hears the answer, and that is fine.
            match waiter {
                Waiter::One(id, reply) if gone(&id) => {
                    let forgotten = || Error::failed(format!("{id} has ended and was forgotten since"));
                    let _unheard = reply.send(find(&id).ok_or_else(forgotten));
                }
                Waiter::All(ids, reply) if ids.iter().all(gone) => {
                    let _unheard = reply.send(Ok(ids.iter().filter_map(find).collect()));
                }
                Waiter::Ending(reply) if live.is_empty() => _ = reply.send(Ok(())),
                other => waiting.push(other),
            }
        }
        self.waiting = waiting;
    }
}
