//! Requests that exceed a soft limit: each waits for a second person.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{
    handle::Who,
    names::{Found, update},
};
use crate::{
    api::types::{LimitDoc, PendingDoc},
    error::Error,
    limits::Consulted,
    spec::FaultSpec,
};

/// Who has not found a second person by then asks again.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// The most that wait at once.
const MOST: usize = 16;

/// What somebody asked for, as it was understood then.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What was asked.
    pub spec: FaultSpec,
    /// What its host names mean; brought up to date while it waits.
    pub names: Found,
    /// One line: what, whom.
    pub summary: String,
    /// The cgroups that its targets meant.
    pub roots: Vec<String>,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Short word.
    pub id: String,
    /// What was asked.
    pub asked: Asked,
    /// Who asked.
    pub by: Who,
    since: String,
    at: Instant,
    exceeds: Vec<LimitDoc>,
    approved: Option<Who>,
}

impl Pending {
    /// Who agreed, if anybody has.
    pub fn approved_by(&self) -> Option<&Who> {
        self.approved.as_ref()
    }

    /// Is all of this what the second person agreed to? A target may have grown since.
    pub fn covers(&self, over: &[Consulted]) -> bool {
        let same = |then: &str, now: &str| match (then.parse::<u64>(), now.parse::<u64>()) {
            (Ok(then), Ok(now)) => now <= then,
            _ => then == now,
        };
        self.approved.is_some()
            && over.iter().all(|now| {
                self.exceeds.iter().any(|then| then.limit == now.limit && same(&then.asked, &now.asked))
            })
    }

    /// Are its targets what the second person saw? A pid, a pattern or a container's name may be something else by now.
    ///
    /// # Errors
    /// They are not: it must be asked for again.
    pub fn still_means(&self, roots: &[String]) -> Result<(), Error> {
        let set = |roots: &[String]| roots.iter().cloned().collect::<BTreeSet<_>>();
        if set(&self.asked.roots) == set(roots) {
            return Ok(());
        }
        let (then, now) = (self.asked.roots.join(", "), roots.join(", "));
        Err(Error::refused(format!(
            "{} was asked for and approved for {then}; its targets are {now} now",
            self.id
        ))
        .hint("ask again: that approval is for other targets")
        .limit("soft", now, then))
    }

    fn doc(&self) -> PendingDoc {
        PendingDoc {
            id: self.id.clone(),
            summary: self.asked.summary.clone(),
            targets: self.asked.roots.clone(),
            by: self.by.to_string(),
            since: self.since.clone(),
            exceeds: self.exceeds.clone(),
            approved_by: self.approved.as_ref().map(ToString::to_string),
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Waiting {
    all: Vec<Pending>,
}

impl Waiting {
    /// Remembers a request, in the place of one with this id, and says how it can go on.
    pub fn add(&mut self, id: String, asked: Asked, by: &Who, over: &[Consulted]) -> Error {
        self.forget();
        self.withdraw(&id);
        if self.all.len() >= MOST {
            self.all.remove(0);
        }
        let exceeds: Vec<LimitDoc> = over.iter().map(LimitDoc::from).collect();
        let names: Vec<String> = exceeds
            .iter()
            .map(|l| format!("{}: {} asked, {} without approval", l.limit, l.asked, l.allowed))
            .collect();
        let error = Error::refused(format!("{id} needs a second person's approval ({})", names.join("; ")))
            .hint(format!(
                "another person: injector approve {id}; then you: injector arm {id} (within 15 minutes)"
            ));
        let error = match exceeds.first() {
            Some(first) => error.limit("soft", first.asked.clone(), first.allowed.clone()),
            None => error,
        };
        self.all.push(Pending {
            id,
            asked,
            by: by.clone(),
            since: super::halt::now(),
            at: Instant::now(),
            exceeds,
            approved: None,
        });
        error
    }

    fn forget(&mut self) {
        self.all.retain(|pending| pending.at.elapsed() < PATIENCE);
    }

    /// A second person agrees: another login uid than the one who asked.
    ///
    /// # Errors
    /// There is no such request, the approver has no login uid, or it is the same person.
    pub fn approve(&mut self, id: &str, who: &Who) -> Result<PendingDoc, Error> {
        self.forget();
        let pending = self.all.iter_mut().find(|pending| pending.id == id).ok_or_else(|| {
            Error::not_found(format!("no request {id} waits for approval")).hint("injector status lists them")
        })?;
        let Some(login) = who.identity.login else {
            return Err(Error::refused("you have no login uid: it cannot be told which person you are")
                .hint("log in (ssh, console) and approve from there; a service or a container cannot")
                .limit("soft", "an approval without a login uid", "another person's login uid"));
        };
        if Some(login) == pending.by.identity.login || login == pending.by.identity.person() {
            return Err(Error::refused(format!(
                "{id} was asked for by {}: somebody else must approve it",
                pending.by
            ))
            .hint("four eyes: ask a colleague")
            .limit("soft", format!("login uid {login}"), "another login uid"));
        }
        pending.approved = Some(who.clone());
        Ok(pending.doc())
    }

    /// It was armed, or cannot be any more: what it was for has ended, or is something else.
    pub fn withdraw(&mut self, id: &str) {
        self.all.retain(|pending| pending.id != id);
    }

    /// A request that is to be armed; it waits on until it is withdrawn.
    ///
    /// # Errors
    /// It has not been approved.
    pub fn approved(&mut self, id: &str) -> Option<Result<Pending, Error>> {
        self.forget();
        let pending = self.all.iter().find(|pending| pending.id == id)?;
        if pending.approved.is_none() {
            return Some(Err(Error::refused(format!("{id} has not been approved yet"))
                .hint(format!("another person: injector approve {id}"))
                .limit("soft", "no approval", "a second person's approval")));
        }
        Some(Ok(pending.clone()))
    }

    /// The documents.
    pub fn docs(&mut self) -> Vec<PendingDoc> {
        self.forget();
        self.all.iter().map(Pending::doc).collect()
    }

    /// The host names of what is asked for.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        let waiting = self.all.iter().filter(|pending| pending.at.elapsed() < PATIENCE);
        waiting.flat_map(|pending| pending.asked.names.keys())
    }

    /// What some of them mean now.
    pub fn follow_names(&mut self, found: &Found) {
        for pending in &mut self.all {
            update(&mut pending.asked.names, found);
        }
    }

    /// Is the name taken?
    pub fn has(&self, id: &str) -> bool {
        self.all.iter().any(|pending| pending.id == id && pending.at.elapsed() < PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Identity;

    fn who(uid: u32, login: Option<u32>) -> Who {
        Who { identity: Identity { uid, gids: vec![], login }, pid: 1 }
    }

    #[test]
    fn only_another_person_can_approve() {
        let spec = FaultSpec::from_json(br#"{"kind":"drop","percent":5,"targets":["cgroup:/a"]}"#).unwrap();
        let over = Consulted { limit: "soft.percent", asked: "5%".into(), allowed: "1%".into() };
        let mut waiting = Waiting::default();
        let asked = Asked { spec, names: Found::new(), summary: "s".into(), roots: vec!["/a".into()] };
        let error = waiting.add("drop-1".into(), asked, &who(0, Some(1000)), &[over]);
        assert!(error.hint.unwrap().contains("injector approve drop-1"));
        assert!(waiting.approved("drop-1").unwrap().is_err(), "not yet approved");
        for (no, word) in [
            (who(0, None), "login uid"),
            (who(0, Some(1000)), "somebody else"),
            (who(1000, Some(1000)), "somebody else"),
        ] {
            let error = waiting.approve("drop-1", &no).unwrap_err();
            assert!(error.message.contains(word), "{}", error.message);
        }
        assert!(waiting.approve("drop-2", &who(0, Some(1001))).is_err());
        waiting.approve("drop-1", &who(0, Some(1001))).unwrap();
        assert_eq!(waiting.docs().len(), 1);
        assert_eq!(waiting.approved("drop-1").unwrap().unwrap().id, "drop-1");
        waiting.withdraw("drop-1");
        assert!(waiting.approved("drop-1").is_none(), "once");
    }
}
