//! Who is behind the cgroups of flows: names of units, containers, pods and programs, for whoever reads.
//!
//! The engine tells paths; names are read beside it, because what runtimes keep is on disks, and a disk may hang. What was
//! read is kept for all readers, and reading names, as reading programs, takes at most a twentieth of the time.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Mutex as Turn, OwnedMutexGuard},
    time::timeout,
};
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
/// Older ones are told no more, if they can't be read again.
const STALE: Duration = Duration::from_secs(10);
/// What took long is good for so many times that, up to a bound: a disk may have hung just once.
const SHARE: u32 = 20;
const LONGEST: Duration = Duration::from_secs(300);
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
        self.at.elapsed() < time.max((self.took * SHARE).min(LONGEST))
    }
}

/// What all readers get.
#[derive(Debug, Default)]
struct Known {
    runtimes: Option<Read<Runtimes>>,
    /// The cgroups that somebody has asked for since: one that was not among them may be new.
    asked: HashSet<String>,
    /// When that began.
    asked_since: Option<Instant>,
    programs: Option<Read<HashMap<String, Programs>>>,
}

/// One kind of reading, by one reader at a time.
#[derive(Debug, Default)]
struct Reading {
    turn: Arc<Turn<()>>,
    begun: Arc<Mutex<Option<Instant>>>,
}

/// That somebody reads; however that ends.
struct Mark {
    begun: Arc<Mutex<Option<Instant>>>,
    _turn: OwnedMutexGuard<()>,
}

impl Drop for Mark {
    fn drop(&mut self) {
        *lock(&self.begun) = None;
    }
}

impl Reading {
    /// Has it done, in its turn; waits for so long at most. A disk that hangs keeps each reader once.
    async fn run(&self, patience: Duration, work: impl FnOnce() + Send + 'static) {
        if lock(&self.begun).is_some_and(|begun| begun.elapsed() > patience) {
            return;
        }
        let read = async {
            let mark = Mark { begun: self.begun.clone(), _turn: self.turn.clone().lock_owned().await };
            *lock(&mark.begun) = Some(Instant::now());
            aside("owners", move || {
                work();
                drop(mark);
            })
            .await
        };
        match timeout(patience, read).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!("{error}"),
            Err(_) => debug!("the owners of cgroups are still being read"),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Owners {
    host: Host,
    patience: Duration,
    known: Mutex<Known>,
    names: Reading,
    programs: Reading,
}

impl Owners {
    /// Nothing was read yet.
    pub fn new(host: Host) -> Arc<Self> {
        Self::patient(host, PATIENCE)
    }

    fn patient(host: Host, patience: Duration) -> Arc<Self> {
        let (names, programs) = (Reading::default(), Reading::default());
        Arc::new(Self { host, patience, known: Mutex::default(), names, programs })
    }

    /// Of these cgroups; of what is gone (a row has its id then) there is nothing to tell. What can't be read in time is as it
    /// was when it last could.
    async fn of(self: &Arc<Self>, cgroups: BTreeSet<String>, with_programs: bool) -> Vec<OwnerDoc> {
        let paths: Arc<Vec<String>> =
            Arc::new(cgroups.into_iter().filter(|path| path.starts_with('/')).collect());
        if paths.is_empty() {
            return Vec::new();
        }
        // Who had the turn before may have read it: so it is asked again there.
        let names = async {
            if lock(&self.known).lacks_names(&paths) {
                let (owners, paths) = (self.clone(), paths.clone());
                self.names.run(self.patience, move || owners.name(&paths)).await;
            }
        };
        let programs = async {
            if with_programs && lock(&self.known).lacks_programs(&paths) {
                let (owners, paths) = (self.clone(), paths.clone());
                self.programs.run(self.patience, move || owners.count(&paths)).await;
            }
        };
        tokio::join!(names, programs);
        lock(&self.known).docs(&paths, with_programs)
    }

    fn name(&self, paths: &[String]) {
        if lock(&self.known).lacks_names(paths) {
            let read = Read::new(|| Runtimes::read(&self.host));
            lock(&self.known).name(read, paths);
        }
    }

    /// Those that were counted a moment ago are as they were, and have had their part of what is read in a second.
    fn count(&self, paths: &[String]) {
        let last = lock(&self.known).programs.as_ref().filter(|read| read.is_good_for(PROGRAMS)).cloned();
        let mut read = last.unwrap_or_else(|| Read::new(HashMap::new));
        let begun = Instant::now();
        let had: usize = read.what.values().map(Programs::read).sum();
        let mut room = MOST_PROCESSES.saturating_sub(had);
        let new: Vec<&String> = paths.iter().filter(|path| !read.what.contains_key(*path)).collect();
        for (path, left) in new.iter().zip((1..=new.len()).rev()) {
            // An equal part of what there still is, so that none goes without because of those before it.
            let found = programs(&self.host, path, (room / left).clamp(1, MOST_EACH).min(room));
            room -= found.read().min(room);
            read.what.insert((*path).clone(), found);
        }
        read.took += begun.elapsed();
        lock(&self.known).programs = Some(read);
    }
}

impl Known {
    /// Whether names have to be read before these are told.
    fn lacks_names(&self, paths: &[String]) -> bool {
        let all = paths.iter().all(|path| self.asked.contains(path));
        let good = |read: &Read<Runtimes>| read.is_good_for(if all { NAMES } else { SOON });
        !self.runtimes.as_ref().is_some_and(good)
    }

    /// The same of programs.
    fn lacks_programs(&self, paths: &[String]) -> bool {
        let counted = self.programs.as_ref().filter(|read| read.is_good_for(PROGRAMS));
        !counted.is_some_and(|read| paths.iter().all(|path| read.what.contains_key(path)))
    }

    /// Takes what was read for these. What could not be read is as it was.
    fn name(&mut self, read: Read<Result<Runtimes, Error>>, paths: &[String]) {
        let Read { what, at, took } = read;
        let before = self.runtimes.take().map(|read| read.what);
        let what = what.unwrap_or_else(|error| {
            debug!("{error}");
            before.unwrap_or_default()
        });
        self.runtimes = Some(Read { what, at, took });
        if self.asked_since.is_none_or(|since| since.elapsed() >= NAMES) {
            self.asked.clear();
            self.asked_since = Some(at);
        }
        self.asked.extend(paths.iter().cloned());
    }

    /// Units and ids are in the paths: these are told whatever could be read.
    fn docs(&self, paths: &[String], with_programs: bool) -> Vec<OwnerDoc> {
        let nothing = Runtimes::default();
        let names = self.runtimes.as_ref().map_or(&nothing, |read| &read.what);
        let counted = self.programs.as_ref().filter(|read| with_programs && read.is_good_for(STALE));
        paths.iter().map(|path| doc(path, names, counted.and_then(|read| read.what.get(path)))).collect()
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
