//! Who is behind the cgroups of flows: names of units, containers, pods and programs, for whoever reads.
//!
//! The engine tells paths; names are read beside it, because what runtimes keep is on disks, and a disk may hang. What was
//! read is kept for all readers, and reading names, as reading programs, takes at most a twentieth of the time.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{sync::Mutex as Turn, time::timeout};
use tracing::debug;

use super::{
    aside::aside,
    handle::{Command, Handle},
};
use crate::{
    api::types::{FlowsDoc, OwnerDoc, ProgramDoc},
    error::Error,
    spec::TargetSpec,
    target::{Host, Programs, Runtimes, programs},
};

/// Names change seldom: a container's is given to it once.
const NAMES: Duration = Duration::from_secs(30);
/// A cgroup that is not known yet has them read again, but not more often.
const SOON: Duration = Duration::from_secs(1);
/// Programs come and go.
const PROGRAMS: Duration = Duration::from_millis(900);
/// What took long is good for so many times that.
const SHARE: u32 = 20;
/// Processes of which names are read at a time; a host may have a hundred thousand.
const MOST_PROCESSES: usize = 2_048;
/// And of one cgroup, so that there are some left for others.
const MOST_EACH: usize = 128;
/// Programs of a cgroup that are told one by one.
const MOST_PROGRAMS: usize = 16;
/// So long a reader waits: without them there is still everything else.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was read, when, and how long that took.
#[derive(Clone, Debug)]
struct Read<T> {
    what: T,
    at: Instant,
    took: Duration,
}

impl<T> Read<T> {
    fn new(read: impl FnOnce() -> T) -> Self {
        let at = Instant::now();
        let what = read();
        Self { what, at, took: at.elapsed() }
    }

    fn is_good_for(&self, time: Duration) -> bool {
        self.at.elapsed() < time.max(self.took * SHARE)
    }
}

/// What all readers get.
#[derive(Debug, Default)]
struct Known {
    runtimes: Option<Read<Runtimes>>,
    /// The cgroups that somebody has asked for since: one that was not among them may be new.
    asked: HashSet<String>,
    programs: Option<Read<HashMap<String, Programs>>>,
}

/// See the module.
#[derive(Debug)]
pub struct Owners {
    host: Host,
    known: Mutex<Known>,
    /// Whoever reads has it, and says when that began.
    turn: Arc<Turn<()>>,
    begun: Mutex<Option<Instant>>,
}

impl Owners {
    /// Nothing was read yet.
    pub fn new(host: Host) -> Arc<Self> {
        Arc::new(Self { host, known: Mutex::default(), turn: Arc::default(), begun: Mutex::default() })
    }

    /// Of these cgroups; of what is gone (a row has its id then) there is nothing to tell. What can't be read in time is as it
    /// was when it last could.
    async fn of(self: &Arc<Self>, cgroups: BTreeSet<String>, with_programs: bool) -> Vec<OwnerDoc> {
        let paths: Arc<Vec<String>> =
            Arc::new(cgroups.into_iter().filter(|path| path.starts_with('/')).collect());
        if paths.is_empty() {
            return Vec::new();
        }
        let (names, programs) = lock(&self.known).lacks(&paths);
        // A disk that hangs keeps one reader, once.
        let hangs = lock(&self.begun).is_some_and(|begun| begun.elapsed() > PATIENCE);
        if (names || with_programs && programs) && !hangs {
            match timeout(PATIENCE, self.read(paths.clone(), with_programs)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => debug!("{error}"),
                Err(_) => debug!("the owners of cgroups are still being read"),
            }
        }
        lock(&self.known).docs(&paths, with_programs)
    }

    async fn read(self: &Arc<Self>, paths: Arc<Vec<String>>, with_programs: bool) -> Result<(), Error> {
        let turn = self.turn.clone().lock_owned().await;
        let owners = self.clone();
        aside("owners", move || {
            *lock(&owners.begun) = Some(Instant::now());
            // Who had the turn before may have read it.
            let (names, programs) = lock(&owners.known).lacks(&paths);
            if names {
                let read = Read::new(|| Runtimes::read(&owners.host));
                lock(&owners.known).name(read, &paths);
            }
            if programs && with_programs {
                owners.count(&paths);
            }
            *lock(&owners.begun) = None;
            drop(turn);
        })
        .await
    }

    /// Those that were counted a moment ago are as they were, and have had their part of what is read in a second.
    fn count(&self, paths: &[String]) {
        let last = lock(&self.known).programs.as_ref().filter(|read| read.is_good_for(PROGRAMS)).cloned();
        let mut read = last.unwrap_or_else(|| Read::new(HashMap::new));
        let begun = Instant::now();
        let had: usize = read.what.values().map(Programs::read).sum();
        let mut room = MOST_PROCESSES.saturating_sub(had);
        for path in paths {
            if !read.what.contains_key(path) {
                let most = room.min(MOST_EACH);
                let found = programs(&self.host, path, most);
                room -= found.read().min(room);
                read.what.insert(path.clone(), found);
            }
        }
        read.took += begun.elapsed();
        lock(&self.known).programs = Some(read);
    }
}

impl Known {
    /// Whether names, and whether programs, have to be read before these are told.
    fn lacks(&self, paths: &[String]) -> (bool, bool) {
        let all = paths.iter().all(|path| self.asked.contains(path));
        let named =
            self.runtimes.as_ref().is_some_and(|read| read.is_good_for(if all { NAMES } else { SOON }));
        let counted = self.programs.as_ref().filter(|read| read.is_good_for(PROGRAMS));
        let counted = counted.is_some_and(|read| paths.iter().all(|path| read.what.contains_key(path)));
        (!named, !counted)
    }

    /// Takes what was read for these. What could not be read is as it was.
    fn name(&mut self, read: Read<Result<Runtimes, Error>>, paths: &[String]) {
        let Read { what, at, took } = read;
        let long_ago = self.runtimes.as_ref().is_none_or(|read| read.at.elapsed() >= NAMES);
        let before = self.runtimes.take().map(|read| read.what);
        let what = what.unwrap_or_else(|error| {
            debug!("{error}");
            before.unwrap_or_default()
        });
        self.runtimes = Some(Read { what, at, took });
        if long_ago {
            self.asked.clear();
        }
        self.asked.extend(paths.iter().cloned());
    }

    fn docs(&self, paths: &[String], with_programs: bool) -> Vec<OwnerDoc> {
        let Some(names) = &self.runtimes else { return Vec::new() };
        let counted = self.programs.as_ref().filter(|_| with_programs);
        paths
            .iter()
            .map(|path| doc(path, &names.what, counted.and_then(|read| read.what.get(path))))
            .collect()
    }
}

fn doc(path: &str, names: &Runtimes, counted: Option<&Programs>) -> OwnerDoc {
    let whose = names.whose(path);
    let (container_id, container) = whose.container.map_or((None, None), |one| (Some(one.id), one.name));
    let (namespace, pod) = whose.pod.map_or((None, None), |(namespace, pod)| (Some(namespace), Some(pod)));
    let all = counted.cloned().unwrap_or_default();
    let (some, others) = all.names.split_at(all.names.len().min(MOST_PROGRAMS));
    let named = |(name, processes): &(String, u64)| ProgramDoc { name: name.clone(), processes: *processes };
    OwnerDoc {
        cgroup: path.to_owned(),
        unit: whose.unit,
        container,
        container_id,
        namespace,
        pod,
        inside: whose.inside,
        programs: some.iter().map(named).collect(),
        other_processes: others.iter().map(|(_, processes)| processes).sum::<u64>() + all.unread,
    }
}

impl Handle {
    /// See [`Command::Flows`]; with who is behind the cgroups.
    ///
    /// # Errors
    /// A target cannot be resolved.
    pub async fn flows(&self, targets: Vec<TargetSpec>) -> Result<FlowsDoc, Error> {
        self.owned(targets, true).await
    }

    /// The same of all that is watched, without programs: for who keeps what it reads, and would keep each program's name.
    ///
    /// # Errors
    /// The daemon is ending, or observes nothing.
    pub async fn flows_by_name(&self) -> Result<FlowsDoc, Error> {
        self.owned(Vec::new(), false).await
    }

    async fn owned(&self, targets: Vec<TargetSpec>, with_programs: bool) -> Result<FlowsDoc, Error> {
        let mut doc = self.ask(|reply| Command::Flows(targets, reply)).await?;
        if let Some(owners) = self.owners() {
            let cgroups = doc.cgroups_of_rows().chain(doc.watched.iter().map(String::as_str));
            doc.owners = owners.of(cgroups.map(str::to_owned).collect(), with_programs).await;
        }
        Ok(doc)
    }
}

/// What is behind these locks is whole at every moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "owners_tests.rs"]
mod tests;
