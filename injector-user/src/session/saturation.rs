//! How full things are: who reads it, when, and where it stands.
//!
//! The engine only says what is to be looked at; reading happens beside it, so that it never waits. One reading
//! serves everybody who asks within a second, and takes at most a twentieth of the time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::Mutex as Turn,
    time::{sleep, timeout},
};
use tracing::debug;

use super::{
    aside::aside,
    engine::Engine,
    halt::stamp,
    handle::{Command, Handle, Who, Wish},
};
use crate::{
    api::types::{HotDoc, ProbeDoc, SaturationDoc},
    error::Error,
    observe::saturation::{History, Place, Scope, SeenFault, probes, read},
    spec::{FaultSpec, TargetSpec},
    target::{self, Host},
};

/// Between two readings while somebody looks, or a fault is live.
const BEAT: Duration = Duration::from_secs(1);
/// A reading this young is given out again.
const FRESH: Duration = Duration::from_millis(900);
/// A reading that took long is good for so many times that.
const SHARE: u32 = 20;
/// How long a fault that is started waits for it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a reader's targets are read after it has asked.
const WATCH_ON: Duration = Duration::from_secs(5);

/// See the module. Cheap to share.
#[derive(Debug)]
pub struct Board {
    host: Host,
    history: Arc<Turn<History>>,
    readers: Mutex<Vec<(TargetSpec, Instant)>>,
    hot: Mutex<Vec<HotDoc>>,
}

/// What the engine says: what is to be read, and the topmost cgroups of those who ask.
#[derive(Debug)]
pub struct Asked {
    /// Everything.
    pub scope: Scope,
    /// Of the targets that were asked for.
    pub roots: Vec<String>,
}

impl Board {
    /// Nothing was read yet.
    pub fn new(host: Host) -> Arc<Self> {
        Arc::new(Self { host, history: Arc::default(), readers: Mutex::default(), hot: Mutex::default() })
    }

    /// What is nearly full, or runs over, at the last reading.
    pub fn hot(&self) -> Vec<HotDoc> {
        lock(&self.hot).clone()
    }

    /// What of it can be read here.
    pub fn probes(&self) -> Vec<ProbeDoc> {
        probes(&self.host)
    }

    fn want(&self, targets: &[TargetSpec]) {
        let until = Instant::now() + WATCH_ON;
        let mut readers = lock(&self.readers);
        readers.retain(|(spec, _)| !targets.contains(spec));
        readers.extend(targets.iter().map(|spec| (spec.clone(), until)));
    }

    fn wanted(&self) -> Vec<TargetSpec> {
        let now = Instant::now();
        let mut readers = lock(&self.readers);
        readers.retain(|(_, until)| *until > now);
        readers.iter().map(|(spec, _)| spec.clone()).collect()
    }

    /// Reads, unless what is there is fresh; in its turn. Gives whether there are rates for all that was asked for.
    async fn look(self: &Arc<Self>, asked: &Asked, fresh: Fresh) -> Result<bool, Error> {
        let (board, mut history) = (self.clone(), self.history.clone().lock_owned().await);
        let took = history.last().map(|last| last.took).unwrap_or_default();
        let age = FRESH.max(took * SHARE);
        if fresh == Fresh::Enough && history.is_fresh(&asked.roots, age) {
            return Ok(true);
        }
        let (scope, roots) = (asked.scope.clone(), asked.roots.clone());
        // Whoever asked may be gone: the reading is there for the next one.
        aside("saturation", move || {
            let reading = read(&board.host, &scope, history.before(Instant::now()));
            debug!("saturation of {} cgroups read in {:?}", scope.places.len(), reading.took);
            history.add(reading, &scope.faults);
            *lock(&board.hot) = history.doc(&[], stamp).hot;
            history.has_rates(&roots)
        })
        .await
    }

    async fn document(&self, roots: &[String]) -> SaturationDoc {
        self.history.lock().await.doc(roots, stamp)
    }
}

/// Whether an earlier reading will do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fresh {
    Enough,
    Now,
}

impl Handle {
    async fn scope(&self, board: &Board, targets: Vec<TargetSpec>) -> Result<Asked, Error> {
        let also = board.wanted();
        self.ask(|reply| Command::Scope { asked: targets, also, reply }).await
    }

    /// How full things are: the node, and the targets with what they are in; without any, all that is watched. The first
    /// answer takes a second, because rates need two readings.
    ///
    /// # Errors
    /// A target cannot be resolved.
    pub async fn saturation(&self, targets: Vec<TargetSpec>) -> Result<SaturationDoc, Error> {
        let board = self.board().ok_or_else(|| Error::failed("this daemon reads no saturation"))?;
        let asked = self.scope(board, targets.clone()).await?;
        board.want(&targets);
        if !board.look(&asked, Fresh::Enough).await? {
            sleep(BEAT).await;
            let asked = self.scope(board, targets).await?;
            board.look(&asked, Fresh::Enough).await?;
        }
        Ok(board.document(&asked.roots).await)
    }

    /// The same of all that is watched, at once: totals need no second reading. `None`: this daemon reads none.
    ///
    /// # Errors
    /// The daemon is ending.
    pub async fn saturation_now(&self) -> Result<Option<SaturationDoc>, Error> {
        let Some(board) = self.board() else { return Ok(None) };
        let asked = self.scope(board, Vec::new()).await?;
        board.look(&asked, Fresh::Enough).await?;
        Ok(Some(board.document(&[]).await))
    }

    /// Before a fault begins: what ran over until then is not its doing. Only if whoever asks may begin one; what is wrong
    /// with the targets is said when it is started.
    pub(super) async fn saturation_before(&self, spec: &FaultSpec) -> Result<(), Error> {
        let Some(board) = self.board() else { return Ok(()) };
        self.ask(|reply| Command::May(Wish::Start { shadow: spec.shadow }, reply)).await?;
        if let Ok(asked) = self.of(Who::daemon()).scope(board, spec.targets.clone()).await {
            // Its errors keep nobody from a fault: counting begins with the first reading after it then.
            let _unread = timeout(PATIENCE, board.look(&asked, Fresh::Now)).await;
        }
        Ok(())
    }
}

/// Reads once a second while there is a fault, a reader, or a target that is always watched, until `stop` is ready.
pub async fn follow(handle: Handle, stop: impl Future<Output = ()> + Send) {
    let Some(board) = handle.board().cloned() else { return };
    let mut stop = std::pin::pin!(stop);
    let mut idle = true;
    loop {
        tokio::select! {
            () = sleep(BEAT) => {}
            () = &mut stop => return,
        }
        let Ok(asked) = handle.scope(&board, Vec::new()).await else { return };
        // One more when the last fault has ended: that it has is learned by reading.
        let nobody = asked.scope.roots.is_empty();
        if !(nobody && idle) {
            let fresh = if nobody { Fresh::Now } else { Fresh::Enough };
            let _told_next_time =
                board.look(&Asked { roots: asked.scope.roots.clone(), ..asked }, fresh).await;
        }
        if nobody {
            lock(&board.hot).clear();
        }
        idle = nobody;
    }
}

impl Engine {
    /// What is to be read: the targets that are asked for, those that still are (`also`: what is gone of them is left out),
    /// those that are always watched, and those of live faults.
    pub(super) fn scope(&mut self, asked: &[TargetSpec], also: &[TargetSpec]) -> Result<Asked, Error> {
        let mut roots = Vec::new();
        for spec in asked {
            roots.extend(target::resolve(&self.host, spec)?.into_iter().map(|found| found.path));
        }
        let mut all = roots.clone();
        all.extend(self.watched_roots());
        let also = also.iter().filter_map(|spec| target::resolve(&self.host, spec).ok()).flatten();
        all.extend(also.map(|found| found.path));
        all.sort();
        all.dedup();
        let (mut places, mut seen) = (Vec::new(), BTreeSet::new());
        for root in &all {
            for cgroup in target::subtree(&self.host, root).unwrap_or_default() {
                if seen.insert(cgroup.id) {
                    let pids = target::pids(&self.host, &cgroup.path).unwrap_or_default();
                    places.push(Place { path: cgroup.path, id: cgroup.id, pids });
                }
            }
        }
        let live = self.faults.iter().filter(|fault| fault.lives());
        let faults = live.map(|fault| SeenFault {
            id: fault.id.clone(),
            started: fault.started,
            roots: fault.plan.roots().to_vec(),
        });
        let paths: BTreeMap<u64, &str> = places.iter().map(|place| (place.id, place.path.as_str())).collect();
        let busy = self.lately.busy(Instant::now(), |id| paths.get(&id).map(|path| (*path).to_owned()));
        let faults = faults.collect();
        let lags = self.read_lags(&all);
        Ok(Asked { scope: Scope { roots: all, places, faults, lags, busy }, roots })
    }
}

/// What is behind these locks is whole at every moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
