//! What the kernel programs cost, as one JSON document on standard output. `cargo xtask bench` builds it, runs
//! it as root and makes a table of it.
//!
//! `programs REPEAT ROUNDS`: every figure is the median of ROUNDS rounds in which all cases take turns, so that
//! a machine that becomes slower makes all of them slower.

mod calls;
mod cases;
mod observe;
mod place;
mod runs;
mod samples;
mod sockets;
mod traffic;
mod waits;

use anyhow::{Context as _, Result};
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use serde_json::json;

use place::Place;

fn main() -> Result<()> {
    if sockets::run_if_asked()? {
        return Ok(());
    }
    // cargo itself adds `--bench`.
    let mut numbers = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let mut number = |name: &str, default: u32| match numbers.next() {
        Some(word) => word.parse().with_context(|| format!("{name}: {word:?} is not a number")),
        None => Ok(default),
    };
    let (repeat, rounds) = (number("REPEAT", 1_000_000)?.max(1), number("ROUNDS", 7)?.max(1));
    let cpu = pin().context("pinning to one CPU")?;
    let place = Place::enter()?;
    if std::env::args().any(|word| word == "--observing") {
        println!("{:#}", observe::measure(&place, repeat, rounds)?);
        return Ok(());
    }
    let programs = runs::measure(&place, repeat, rounds)?;
    let calls = calls::measure(&place, repeat, rounds)?;
    let traffic = traffic::measure(&place, rounds)?;
    let waits = waits::measure(&place, rounds)?;
    let observing = std::thread::scope(|scope| {
        let measured = scope.spawn(|| observe::measure(&place, repeat, rounds));
        measured.join().map_err(|_| anyhow::anyhow!("the thread that measures observing died"))
    })??;
    let document = json!({
        "cpu": cpu, "repeat": repeat, "rounds": rounds, "packet_bytes": runs::PACKET,
        "programs": programs, "calls": calls, "traffic": traffic, "waits": waits,
        "observing": observing,
    });
    println!("{document}");
    Ok(())
}

/// Stays on one CPU, the last that we may use: interrupts prefer the first.
fn pin() -> Result<usize> {
    let own = Pid::from_raw(0);
    let allowed = sched_getaffinity(own)?;
    let cpu = (0..CpuSet::count()).rev().find(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let cpu = cpu.context("no CPU is allowed")?;
    let mut one = CpuSet::new();
    one.set(cpu)?;
    sched_setaffinity(own, &one)?;
    Ok(cpu)
}

/// The middle one; of an even number the upper of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
