//! The daemon: one process, one engine thread, one socket.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Seek as _, Write as _},
    path::Path,
    sync::{Arc, mpsc},
};

use nix::fcntl::{Flock, FlockArg};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use super::{
    Audit, Engine, Handle, Journal, Settings,
    confine::confine,
    events::{self, Hub},
    instance::Instance,
    journal, memory, notify,
    owners::Owners,
    priority,
    saturation::{self, Board},
    sweep::{Whose, sweep},
    watcher,
};
use crate::{
    api::Server,
    config::Config,
    error::Error,
    kernel::{Ring, object::Object, probe, real::Real},
    output,
    target::Host,
};

fn failed(error: impl Into<anyhow::Error>) -> Error {
    Error::failed(format!("{:#}", error.into()))
}

/// Runs until SIGTERM or SIGINT; then ends all faults and returns.
///
/// # Errors
/// Not root, another daemon runs, or the kernel refuses what is needed.
pub fn run(config: Config) -> Result<(), Error> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Error::refused("you may not run the daemon")
            .hint("only root can load programs: sudo injector daemon"));
    }
    memory::give_back();
    priority::raise();
    let _lock = only_one(&config.run_dir)?;
    let instance = Instance::new().map_err(failed)?;
    let tag = format!("{:08x}", instance.id());
    recover(&config.run_dir);
    let journal = Journal::start(&config.run_dir, &tag).map_err(failed)?;
    let host = Host::detect(Path::new("/"))?;
    let mut object = Object::load(instance.id()).map_err(failed)?;
    let capabilities = probe::capabilities(&mut object).map_err(failed)?;
    let kernel = Real::new(object, instance.id(), capabilities, host.cgroup.clone()).map_err(failed)?;
    let mut kernel = kernel.with_run_queue(config.run_queue);
    kernel.set_most_flows(config.most_flows).map_err(failed)?;
    let ring = kernel.events().map_err(failed)?;
    let settings = Settings {
        lease: config.lease.duration(),
        watch: config.watch.clone(),
        observe: config.observe,
        peer_names: config.peer_names.clone(),
        limits: config.limits.clone(),
        state_dir: config.state_dir.clone(),
        instance: tag.clone(),
    };
    let audit = Audit::open(&config.state_dir, &super::node())?;
    for damage in audit.found() {
        warn!("the audit log: {damage}");
    }
    let engine = Engine::new(Box::new(kernel), host.clone(), settings, journal, audit).map_err(failed)?;
    let (board, owners) = (Board::new(host.clone()), Owners::new(host.clone()));
    let told = Told { ring, hub: engine.hub(), host };
    let mut watcher = watcher::spawn(instance.id(), &config.run_dir).map_err(failed)?;
    // The last moment with one thread, and all that needs more rights is done.
    confine()?;
    let (sender, commands) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("engine".into())
        .spawn(move || engine.run(&commands))
        .map_err(failed)?;
    let served = serve(&config, Handle::new(sender).with(board).with_owners(owners), told, &tag);
    if thread.join().is_err() {
        return Err(Error::failed("the engine died: its links are gone, and the watcher removes the rest"));
    }
    // With the lock free and nothing left, the watcher has nothing to do; it would end by itself all the same.
    drop(instance);
    if let Err(error) = watcher.kill().and_then(|()| watcher.wait().map(|_| ())) {
        warn!("the watcher process: {error}");
    }
    served
}

/// How many names are looked up at once: a resolver that hangs holds a thread for each.
const LOOK_UPS: usize = 32;

/// What is needed to tell of failed calls.
struct Told {
    ring: Ring,
    hub: Arc<Hub>,
    host: Host,
}

fn serve(config: &Config, handle: Handle, told: Told, tag: &str) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(LOOK_UPS)
        .enable_all()
        .build()
        .map_err(failed)?;
    let served = runtime.block_on(served(config, handle, told, tag));
    // A resolver that hangs does not keep the daemon from ending.
    runtime.shutdown_background();
    served
}

async fn served(config: &Config, handle: Handle, told: Told, tag: &str) -> Result<(), Error> {
    let result = async {
        let server = Server::bind(config)?;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let wait = |mut stopped: tokio::sync::watch::Receiver<bool>| async move {
            // An error means that the sender is gone: that is a stop as well.
            let _gone = stopped.wait_for(|stop| *stop).await;
        };
        let Told { ring, hub, host } = told;
        let events = tokio::spawn(events::read(ring, hub, host, wait(stopped.clone())));
        let full = tokio::spawn(saturation::follow(handle.clone(), wait(stopped.clone())));
        let api = tokio::spawn(server.serve(handle.clone(), wait(stopped.clone())));
        let metrics = match config.metrics.0 {
            None => None,
            Some(address) => {
                let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| {
                    Error::failed(format!("metrics cannot be served on {address}: {error}"))
                        .hint("set `metrics` in the configuration to another address, or to off")
                })?;
                Some(tokio::spawn(output::http::serve(listener, handle.clone(), wait(stopped.clone()))))
            }
        };
        let page = match config.page.0 {
            None => None,
            Some(address) => {
                let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| {
                    Error::failed(format!("the page cannot be served on {address}: {error}"))
                        .hint("set `page` in the configuration to another address, or to off")
                })?;
                let (allow, node) = (config.page_allow.clone(), super::node());
                Some(tokio::spawn(output::page::serve(
                    listener,
                    handle.clone(),
                    node,
                    allow,
                    wait(stopped.clone()),
                )))
            }
        };
        info!("instance {tag} serves {}", config.socket.display());
        let (mut term, mut int, mut hup) = (
            signal(SignalKind::terminate()).map_err(failed)?,
            signal(SignalKind::interrupt()).map_err(failed)?,
            signal(SignalKind::hangup()).map_err(failed)?,
        );
        notify::ready();
        loop {
            tokio::select! {
                _ = term.recv() => info!("SIGTERM: ending"),
                _ = int.recv() => info!("SIGINT: ending"),
                _ = hup.recv() => {
                    // What is wrong with the file was logged, and is said by `status` and `limits show`.
                    let _told = handle.reload().await;
                    continue;
                }
            }
            break;
        }
        notify::stopping();
        // Faults end first, so that whoever follows one sees how it ended.
        handle.shutdown().await?;
        let _nobody = stop.send(true);
        let _ended = api.await;
        let _ended = events.await;
        let _ended = full.await;
        if let Some(metrics) = metrics {
            let _ended = metrics.await;
        }
        if let Some(page) = page {
            let _ended = page.await;
        }
        Ok(())
    }
    .await;
    // However it went: without this the engine would go on without anybody to ask.
    let _ended_already = handle.shutdown().await;
    result
}

/// A second daemon in the same run directory ends here.
fn only_one(run_dir: &Path) -> Result<Flock<File>, Error> {
    fs::create_dir_all(run_dir)
        .map_err(|e| Error::failed(format!("{} cannot be made: {e}", run_dir.display())))?;
    let path = run_dir.join("daemon.lock");
    let file =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(failed)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            lock.set_len(0).map_err(failed)?;
            lock.rewind().map_err(failed)?;
            writeln!(lock, "{}", std::process::id()).map_err(failed)?;
            Ok(lock)
        }
        Err((mut file, _)) => {
            let mut pid = String::new();
            let _unreadable = file.read_to_string(&mut pid);
            Err(Error::failed(format!("a daemon is running already: pid {}", pid.trim()))
                .hint("injector status asks it; injector stop --all ends its faults"))
        }
    }
}

/// Ends what an earlier daemon left, and says so.
fn recover(run_dir: &Path) {
    let found = journal::left(run_dir);
    for problem in &found.problems {
        warn!("{problem}");
    }
    for id in found.faults {
        let with = if found.another_boot { "the boot before this one" } else { "that daemon" };
        warn!("an earlier daemon died while {id} was armed: it ended with {with}");
    }
    let doc = sweep(Whose::Dead, run_dir);
    for removed in &doc.removed {
        warn!("removed what an earlier daemon left: {removed}");
    }
    for left in &doc.left {
        warn!("left by an earlier daemon, and cannot be removed: {left}");
    }
}
