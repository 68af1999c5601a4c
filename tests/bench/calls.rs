//! Test runs of what stands at the entry of a call.

use std::time::Duration;

use anyhow::{Result, ensure};
use aya::{
    TestRun as _,
    programs::{RawTracePoint, RawTracePointRunOptions},
};
use injector::kernel::object::Object;
use injector_ebpf::names::MEASURED_ROUNDS;
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::{
    cases::{self, Case},
    median,
    place::Place,
    runs::{counted, minus, prepare},
};

/// Nanoseconds a round, by the CPU time of this thread. The kernel runs such a program once for each request: the
/// request's own time is shared by its rounds, and is in the empty program's as well.
fn run(object: &mut Object, case: &Case, runs: u32) -> Result<f64> {
    let now = || Ok::<_, nix::Error>(Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?));
    let program: &mut RawTracePoint = object.program(case.program)?.try_into()?;
    let began = now()?;
    for _ in 0..runs {
        let answer = program.test_run(RawTracePointRunOptions::new())?.return_value;
        ensure!(answer == case.answer, "{}: it answered {answer}, not {}", case.name, case.answer);
    }
    let took = now()?.saturating_sub(began);
    Ok(took.as_nanos() as f64 / (f64::from(runs) * f64::from(MEASURED_ROUNDS)))
}

/// Runs every case for `repeat` rounds or more, and makes sure that each was what it says it is.
pub fn measure(place: &Place, repeat: u32, rounds: u32) -> Result<Value> {
    let mut object = Object::load(std::process::id())?;
    let cases = cases::calls();
    for case in &cases {
        object.load_program(case.program)?;
    }
    let runs = repeat.div_ceil(MEASURED_ROUNDS);
    let mut figures = vec![Vec::new(); cases.len()];
    for round in 0..rounds {
        eprintln!("bench: calls, round {} of {rounds}", round + 1);
        for (case, figures) in cases.iter().zip(&mut figures) {
            prepare(&mut object, place, case)?;
            run(&mut object, case, runs.div_ceil(10))?;
            let before = counted(&mut object)?;
            figures.push(run(&mut object, case, runs)?);
            let delta = minus(counted(&mut object)?, before);
            let expected = (case.counts)(u64::from(runs) * u64::from(MEASURED_ROUNDS));
            ensure!(delta == expected, "{}: counted {delta:?}, not {expected:?}", case.name);
        }
    }
    let empty = median(figures[cases::EMPTY].clone());
    let rows = cases.iter().zip(figures).map(|(case, figures)| {
        let least = figures.iter().copied().fold(f64::MAX, f64::min);
        let most = figures.iter().copied().fold(0.0, f64::max);
        let ns = median(figures);
        json!({
            "name": case.name, "program": case.program, "ns": ns, "least": least, "most": most,
            "times_empty": ns / empty, "above_empty": ns - empty, "promised": case.promised,
        })
    });
    Ok(rows.collect())
}
