//! What it costs to see how long tasks wait for a CPU, and requests for a disk: real ones.
//!
//! Two threads on one CPU hand a byte to and fro, so each hand-over is a wake-up and a switch. Then blocks are read, one after
//! the other, from a loop device over a file in memory: its own threads make that far too uneven to see the programs in it, so of
//! these there is the kernel's account only.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use aya::{
    programs::{BtfTracePoint, tp_btf::BtfTracePointLink},
    sys::{Stats, enable_stats},
};
use injector::kernel::object::Object;
use injector_ebpf::{
    lag::{LAG_KINDS, Lag, LagKey},
    names,
    rule::{CG_LAG, CgroupEntry},
};
use nix::{
    fcntl::{OFlag, open},
    sys::{stat::Mode, uio::pread},
    unistd::pipe,
};
use serde_json::{Value, json};

use crate::{median, place::Place};

/// How long each state is measured in each round.
const SPAN: Duration = Duration::from_millis(400);
/// Bytes of the device.
const ROOM: u64 = 8 << 20;
const BLOCK: usize = 4096;

const STATES: [&str; 3] = ["no program", "attached, another cgroup is observed", "observed"];

/// Who is observed: nobody, somebody else, we.
fn observe(object: &mut Object, place: &Place, state: usize) -> Result<()> {
    let mut cgroups = object.hash::<u64, CgroupEntry>(names::CGROUPS)?;
    cgroups.remove(&place.id).ok();
    let id = if state == 2 { place.id } else { place.id + (1 << 32) };
    cgroups.insert(id, CgroupEntry { rules: 0, flags: CG_LAG }, 0)?;
    let mut lags = object.hash::<LagKey, Lag>(names::LAGS)?;
    for kind in 0..LAG_KINDS {
        lags.insert(LagKey { cgroup: id, kind, pad: 0 }, Lag::ZERO, 0)?;
    }
    Ok(())
}

fn attach(object: &mut Object, programs: &[&str]) -> Result<Vec<BtfTracePointLink>> {
    let hold = |name: &&str| {
        object.load_lags(&[name])?;
        let program: &mut BtfTracePoint = object.program(name)?.try_into()?;
        let link = program.attach()?;
        Ok(program.take_link(link)?)
    };
    programs.iter().map(hold).collect()
}

/// Nanoseconds a hand-over.
fn hand_over(span: Duration) -> Result<f64> {
    let ((from, to), (back_from, back_to)) = (pipe()?, pipe()?);
    let other = std::thread::spawn(move || {
        let (mut from, mut to) = (File::from(from), File::from(back_to));
        let mut byte = [0];
        while from.read(&mut byte).is_ok_and(|n| n > 0) && to.write_all(&byte).is_ok() {}
    });
    let (mut to, mut from) = (File::from(to), File::from(back_from));
    let (began, mut trips, mut byte) = (Instant::now(), 0_u32, [0]);
    while began.elapsed() < span {
        for _ in 0..64 {
            to.write_all(&byte)?;
            from.read_exact(&mut byte)?;
        }
        trips += 64;
    }
    let ns = began.elapsed().as_nanos() as f64 / f64::from(trips) / 2.0;
    drop(to);
    other.join().map_err(|_| anyhow::anyhow!("the other thread died"))?;
    Ok(ns)
}

/// A loop device; taken away when it is dropped.
struct Device {
    node: String,
    fd: OwnedFd,
    _file: tempfile::NamedTempFile,
}

impl Device {
    fn new() -> Result<Self> {
        let file = tempfile::NamedTempFile::new_in("/dev/shm")?;
        file.as_file().set_len(ROOM)?;
        let out = Command::new("losetup").args(["--show", "-f"]).arg(file.path()).output()?;
        ensure!(out.status.success(), "losetup: {}", String::from_utf8_lossy(&out.stderr).trim());
        let node = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        let fd = open(node.as_str(), OFlag::O_RDONLY | OFlag::O_DIRECT, Mode::empty())?;
        Ok(Self { node, fd, _file: file })
    }

    /// Nanoseconds a request.
    fn read(&self, span: Duration) -> Result<f64> {
        #[repr(align(4096))]
        struct Page([u8; BLOCK]);
        let (mut page, mut n) = (Page([0; BLOCK]), 0_u32);
        let began = Instant::now();
        while began.elapsed() < span {
            let at = libc::off_t::from(n % 1024) * 4096;
            ensure!(pread(&self.fd, &mut page.0, at)? == BLOCK, "a short read");
            n += 1;
        }
        Ok(began.elapsed().as_nanos() as f64 / f64::from(n))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let out = Command::new("losetup").args(["-d", &self.node]).output();
        if !out.is_ok_and(|out| out.status.success()) {
            eprintln!("{} is left behind", self.node);
        }
    }
}

/// Hand-overs in every state; then, in a run of its own, what the kernel itself counts for each program.
pub fn measure(place: &Place, rounds: u32) -> Result<Value> {
    let mut object = Object::load(std::process::id())?;
    let device = Device::new().context("a loop device")?;
    let switches = states(&mut object, place, rounds, &names::RUN_QUEUE, hand_over)?;
    let mut counted = account(&mut object, place, &names::RUN_QUEUE, hand_over)?;
    counted.extend(account(&mut object, place, &names::IO, |span| device.read(span))?);
    Ok(json!({ "switches": switches, "counted": counted }))
}

fn states(
    object: &mut Object,
    place: &Place,
    rounds: u32,
    programs: &[&str],
    run: impl Fn(Duration) -> Result<f64>,
) -> Result<Value> {
    let mut figures = vec![Vec::new(); STATES.len()];
    for round in 0..rounds {
        eprintln!("bench: waits, round {} of {rounds}", round + 1);
        for (state, figures) in figures.iter_mut().enumerate() {
            observe(object, place, state)?;
            let _attached = if state > 0 { attach(object, programs)? } else { Vec::new() };
            run(SPAN / 8)?;
            figures.push(run(SPAN)?);
        }
    }
    let none = median(figures[0].clone());
    let rows = STATES.iter().zip(figures).map(|(name, figures)| {
        let ns = median(figures);
        json!({ "name": name, "ns": ns, "above_none": ns - none, "per_cent": (ns / none - 1.0) * 100.0 })
    });
    Ok(rows.collect())
}

/// The kernel's own account, of the programs that ran: with its cost of some 30 ns a run.
fn account(
    object: &mut Object,
    place: &Place,
    programs: &[&str],
    run: impl Fn(Duration) -> Result<f64>,
) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    for state in [1, 2] {
        observe(object, place, state)?;
        let _attached = attach(object, programs)?;
        let stats = enable_stats(Stats::RunTime)?;
        let infos = |object: &mut Object| {
            programs.iter().map(|name| Ok(object.program(name)?.info()?)).collect::<Result<Vec<_>>>()
        };
        let before = infos(object)?;
        run(SPAN)?;
        let after = infos(object)?;
        drop(stats);
        for (name, (before, after)) in programs.iter().zip(before.iter().zip(&after)) {
            let runs = after.run_count() - before.run_count();
            let time = after.run_time().saturating_sub(before.run_time());
            if runs > 1000 {
                let who = if state == 2 { "" } else { ", of others" };
                let ns = time.as_nanos() as f64 / runs as f64;
                rows.push(json!({ "program": format!("{name}{who}"), "runs": runs, "ns": ns }));
            }
        }
    }
    Ok(rows)
}
