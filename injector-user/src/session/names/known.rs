//! Which names are looked up again, and when.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use tracing::warn;

use super::{
    look_up,
    resolver::{Answer, LookUp, Resolver},
};

/// How often the names of live faults are looked up again.
const EVERY: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub struct Names {
    /// Names that no longer resolve: that was said.
    silent: BTreeSet<String>,
    resolver: Option<Resolver>,
    look_up: LookUp,
    next: Instant,
}

impl Default for Names {
    fn default() -> Self {
        Self { silent: BTreeSet::new(), resolver: None, look_up, next: Instant::now() + EVERY }
    }
}

impl Names {
    /// It has addresses. Whether it had been said that it no longer resolves.
    pub(in crate::session) fn resolves(&mut self, name: &str) -> bool {
        self.silent.remove(name)
    }

    /// It has none now. Whether that is new.
    pub(super) fn is_silent(&mut self, name: &str) -> bool {
        self.silent.insert(name.to_owned())
    }

    /// Another resolver from now on, and it is time to ask.
    #[cfg(test)]
    pub(in crate::session) fn look_up_by(&mut self, look_up: LookUp) {
        (self.look_up, self.resolver, self.next) = (look_up, None, Instant::now());
    }

    #[cfg(test)]
    pub(in crate::session) fn is_asking(&self) -> bool {
        self.resolver.as_ref().is_some_and(Resolver::is_busy)
    }

    /// The answer of the thread, if there is one; asks again if it is time to.
    pub(super) fn look(&mut self, wanted: BTreeSet<String>) -> Option<Answer> {
        let now = Instant::now();
        let answer = self.resolver.as_mut().and_then(Resolver::answer);
        if now < self.next {
            return answer;
        }
        self.next = now + EVERY;
        self.silent.retain(|name| wanted.contains(name));
        if wanted.is_empty() {
            // Its thread ends.
            self.resolver = None;
            return answer;
        }
        if self.resolver.is_none() {
            match Resolver::spawn(self.look_up) {
                Ok(resolver) => self.resolver = Some(resolver),
                Err(error) => warn!("names are not looked up again: {error}"),
            }
        }
        if let Some(resolver) = &mut self.resolver {
            resolver.ask(wanted.into_iter().collect());
        }
        answer
    }
}
