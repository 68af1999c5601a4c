//! Real packets of real sockets: datagrams to and fro between two network namespaces of our own.
//!
//! One thread plays both ends: veth delivers while the sender is still in its system call, so that no wake-up,
//! which would cost more than everything measured here, is in a round trip.

use std::{
    net::UdpSocket,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use aya::{
    programs::{
        CgroupSkbAttachType, LinkOrder, ProgramInfo, SchedClassifier, TcAttachType,
        tc::{SchedClassifierLink, TcAttachOptions},
    },
    sys::{Stats, enable_stats},
};
use injector::kernel::{cgroups::CgroupLinks, net::Netns, object::Object};
use injector_ebpf::{
    gate::BEAT_START,
    names,
    rule::{CG_PEERS, CG_WATCH, CgroupEntry, HOOK_EGRESS, Rule},
};
use nix::sched::{CloneFlags, unshare};
use serde_json::{Value, json};

use crate::{median, place::Place, runs};

/// How long each state is measured in each round.
const SPAN: Duration = Duration::from_millis(400);
const HERE: &str = "10.78.0.1";
const THERE: &str = "10.78.0.2";

/// Two ends, each in a namespace of its own.
struct Ends {
    here_ns: Netns,
    there_ns: Netns,
    here: UdpSocket,
    there: UdpSocket,
}

fn namespace() -> Result<Netns> {
    std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).context("making a network namespace")?;
        Netns::open("/proc/thread-self/ns/net")
    })
    .join()
    .map_err(|_| anyhow::anyhow!("the thread that makes a namespace died"))?
}

fn ip(ns: &Netns, args: &str) -> Result<()> {
    ns.run(|| {
        let output = Command::new("ip").args(args.split(' ')).output().context("starting ip")?;
        ensure!(output.status.success(), "ip {args}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    })
}

impl Ends {
    fn new() -> Result<Self> {
        use std::os::fd::{AsFd as _, AsRawFd as _};
        let (here_ns, there_ns) = (namespace()?, namespace()?);
        let there_file = format!("/proc/{}/fd/{}", std::process::id(), there_ns.as_fd().as_raw_fd());
        ip(&here_ns, &format!("link add v0 type veth peer name v1 netns {there_file}"))?;
        for (ns, link, address) in [(&here_ns, "v0", HERE), (&there_ns, "v1", THERE)] {
            ip(ns, &format!("addr add {address}/24 dev {link}"))?;
            ip(ns, &format!("link set {link} up"))?;
        }
        let here = here_ns.run(|| Ok(UdpSocket::bind((HERE, 9000))?))?;
        let there = there_ns.run(|| Ok(UdpSocket::bind((THERE, 9000))?))?;
        here.connect((THERE, 9000))?;
        there.connect((HERE, 9000))?;
        for socket in [&here, &there] {
            socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        }
        Ok(Self { here_ns, there_ns, here, there })
    }

    /// Nanoseconds a round trip.
    fn play(&self, span: Duration) -> Result<f64> {
        let mut bytes = [0_u8; 224];
        let (began, mut trips) = (Instant::now(), 0_u32);
        while began.elapsed() < span {
            for _ in 0..64 {
                self.here.send(&bytes)?;
                self.there.recv(&mut bytes).context("a datagram did not arrive")?;
                self.there.send(&bytes)?;
                self.here.recv(&mut bytes).context("an answer did not arrive")?;
            }
            trips += 64;
        }
        Ok(began.elapsed().as_nanos() as f64 / f64::from(trips))
    }
}

fn tcx(object: &mut Object, ns: &Netns, link: &str, name: &str) -> Result<SchedClassifierLink> {
    object.load_program(name)?;
    let program: &mut SchedClassifier = object.classifier(name)?;
    let options = TcAttachOptions::TcxOrder(LinkOrder::first());
    let id = ns.run(|| Ok(program.attach_with_options(link, TcAttachType::Egress, options)?))?;
    Ok(program.take_link(id)?)
}

/// What is attached: taken away in the order of drop.
#[derive(Default)]
struct Attached {
    _observers: Vec<CgroupLinks>,
    _loss: Option<SchedClassifierLink>,
}

fn attach(object: &mut Object, place: &Place, ends: &Ends, state: usize) -> Result<Attached> {
    let mut attached = Attached::default();
    let own = [place.path.clone()];
    if state > 0 {
        for (name, side) in [
            (names::OBSERVE_TX, CgroupSkbAttachType::Egress),
            (names::OBSERVE_RX, CgroupSkbAttachType::Ingress),
        ] {
            let mut links = CgroupLinks::new(name, side);
            links.follow(object, &place.root, &own)?;
            attached._observers.push(links);
        }
    }
    if state > 1 {
        attached._loss = Some(tcx(object, &ends.here_ns, "v0", names::EGRESS)?);
    }
    Ok(attached)
}

const STATES: [&str; 3] = ["no program", "observed", "observed, and a rule armed that does not match"];

/// Round trips in every state; then, in a run of its own, what the kernel itself counts for each program.
pub fn measure(place: &Place, rounds: u32) -> Result<Value> {
    let ends = Ends::new()?;
    let mut object = Object::load(std::process::id())?;
    object.set_halt(0)?;
    object.beat(BEAT_START, 0, Duration::from_secs(3600))?;
    object.array::<u64>(names::FLOW_LIMIT)?.set(0, 4096, 0)?;
    object.array::<Rule>(names::RULES)?.set(0, runs::rule(HOOK_EGRESS), 0)?;
    runs::peers(&mut object, [10, 79, 0, 0], 1)?;
    let entry = CgroupEntry { rules: 1, flags: CG_WATCH | CG_PEERS };
    object.hash::<u64, CgroupEntry>(names::CGROUPS)?.insert(place.id, entry, 0)?;
    let mut figures = vec![Vec::new(); STATES.len()];
    for round in 0..rounds {
        eprintln!("bench: traffic, round {} of {rounds}", round + 1);
        for (state, figures) in figures.iter_mut().enumerate() {
            let _attached = attach(&mut object, place, &ends, state)?;
            ends.play(SPAN / 8)?;
            figures.push(ends.play(SPAN)?);
        }
    }
    let none = median(figures[0].clone());
    let trips = STATES.iter().zip(figures).map(|(name, figures)| {
        let ns = median(figures);
        json!({ "name": name, "ns": ns, "above_none": ns - none, "per_cent": (ns / none - 1.0) * 100.0 })
    });
    let trips: Value = trips.collect();
    Ok(json!({ "round_trips": trips, "counted": counted(&mut object, place, &ends)? }))
}

/// The kernel's own account (`kernel.bpf_stats_enabled`): with its cost of some 30 ns a run, hence the empty one.
fn counted(object: &mut Object, place: &Place, ends: &Ends) -> Result<Value> {
    let _attached = attach(object, place, ends, STATES.len() - 1)?;
    let _empty = tcx(object, &ends.there_ns, "v1", names::EMPTY_TC)?;
    let measured = [names::EMPTY_TC, names::EGRESS, names::OBSERVE_TX, names::OBSERVE_RX];
    let stats = enable_stats(Stats::RunTime)?;
    let before = infos(object, &measured)?;
    ends.play(SPAN)?;
    let after = infos(object, &measured)?;
    drop(stats);
    let rows = measured.iter().zip(before.iter().zip(&after)).map(|(name, (before, after))| {
        let runs = after.run_count() - before.run_count();
        let time = after.run_time().saturating_sub(before.run_time());
        json!({ "program": name, "runs": runs, "ns": time.as_nanos() as f64 / runs as f64 })
    });
    Ok(rows.collect())
}

fn infos(object: &mut Object, names: &[&str]) -> Result<Vec<ProgramInfo>> {
    names.iter().map(|name| Ok(object.program(name)?.info()?)).collect()
}
