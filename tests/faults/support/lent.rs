//! A world that one test leaves to the next. In an emulated guest a daemon takes seven seconds to begin, for the verifier
//! looks at all its programs: tests that change nothing of their world but faults have one together.

use std::{
    ops::Deref,
    sync::{Mutex, Once, PoisonError},
    time::{Duration, Instant},
};

use super::{World, netns::Netns};

/// The one that nobody has at the moment.
static LEFT: Mutex<Option<World>> = Mutex::new(None);

/// A world that goes back when the test is over, without faults and processes. One of a test that failed does not.
pub struct Lent(Option<World>);

/// Takes the world that was left, or makes one.
pub fn take() -> Lent {
    static AT_END: Once = Once::new();
    // SAFETY: the function is there as long as the process. Forked children do not come by: they end by _exit.
    AT_END.call_once(|| assert_eq!(unsafe { libc::atexit(end) }, 0));
    Lent(Some(left().unwrap_or_else(World::new)))
}

/// Takes away what was left, so that there is one world at a time.
pub fn end_left() {
    drop(left());
}

extern "C" fn end() {
    end_left();
}

fn left() -> Option<World> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Deref for Lent {
    type Target = World;

    fn deref(&self) -> &World {
        self.0.as_ref().expect("a world until it is dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if let Some(world) = self.0.take()
            && clear(&world)
        {
            *LEFT.lock().unwrap_or_else(PoisonError::into_inner) = Some(world);
        }
    }
}

/// Ends what the test has left running; false if that takes too long.
fn clear(world: &World) -> bool {
    world.victim.kill();
    world.control.kill();
    let status = world.daemon.get("/v1/status");
    for fault in status["faults"].as_array().into_iter().flatten() {
        if fault["state"] != "ended" {
            world.daemon.stop(fault["id"].as_str().expect("an id"));
        }
    }
    let begun = Instant::now();
    while !rests(&world.here) || !rests(&world.there) {
        if begun.elapsed() > Duration::from_secs(5) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// No connection is left that could still send: its packets would be the next test's. (Listening sockets and those in
/// TIME_WAIT send nothing by themselves.)
fn rests(ns: &Netns) -> bool {
    let tables = ns.command("cat").args(["/proc/net/tcp", "/proc/net/tcp6"]).output().expect("cat");
    let text = String::from_utf8_lossy(&tables.stdout);
    let mut states = text.lines().filter_map(|line| line.split_whitespace().nth(3));
    states.all(|state| ["st", "06", "0A"].contains(&state))
}
