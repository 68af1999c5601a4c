//! What an RTT sample costs.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

use anyhow::{Context as _, Result, ensure};
use aya::{
    Ebpf,
    programs::{BtfTracePoint, CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, Program, ProgramInfo},
    sys::{Stats, enable_stats},
};
use injector::{
    kernel::{iter::FlowReader, object::Object},
    observe::read_cgroups,
};
use injector_ebpf::names::{self, MEASURED_SAMPLES};
use serde_json::{Value, json};

use crate::{median, observe::between, place::Place};

/// The twin that does nothing.
const EMPTY: &str = "bench_probe";

fn probe_info(program: &Program) -> Result<ProgramInfo> {
    let program: &BtfTracePoint = program.try_into()?;
    Ok(program.info()?)
}

/// Both ends of a connection in this thread.
struct Pair {
    client: TcpStream,
    server: TcpStream,
}

impl Pair {
    fn new() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        let (server, _) = listener.accept()?;
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
        }
        Ok(Self { client, server })
    }

    fn play(&mut self, trips: u32) -> Result<()> {
        for _ in 0..trips {
            self.client.write_all(&[0; 64])?;
            self.server.read_exact(&mut [0; 64])?;
            self.server.write_all(&[0; 64])?;
            self.client.read_exact(&mut [0; 64])?;
        }
        Ok(())
    }
}

/// RTT samples of our cgroup.
fn taken(object: &mut Object, place: &Place) -> Result<u64> {
    let sums = read_cgroups(object, &|_| true)?;
    Ok(sums.get(&place.id).map_or(0, |sum| sum.samples))
}

/// What a program at each segment takes beyond an empty one, by the kernel's account of both ends of a connection.
fn segments(
    object: &mut Object,
    twin: &mut Ebpf,
    place: &Place,
    pair: &mut Pair,
    rounds: u32,
    (name, each): (&str, u32),
) -> Result<(f64, f64)> {
    object.load_program(name)?;
    let ours: &mut BtfTracePoint = object.program(name)?.try_into()?;
    let link = ours.attach()?;
    let _link = ours.take_link(link)?;
    let (mut ns, mut nothing) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        pair.play(500)?;
        let stats = enable_stats(Stats::RunTime)?;
        let look = |object: &mut Object, twin: &mut Ebpf| -> Result<(ProgramInfo, ProgramInfo)> {
            let empty = twin.program(EMPTY).context("no empty program")?;
            Ok((probe_info(object.program(name)?)?, probe_info(empty)?))
        };
        let (before, sampled) = (look(object, twin)?, taken(object, place)?);
        pair.play(20_000)?;
        let after = look(object, twin)?;
        drop(stats);
        let (runs, run) = between(&before.0, &after.0);
        let new = taken(object, place)? - sampled;
        ensure!(new * 10 >= runs * u64::from(each) * 9, "{new} samples in {runs} runs of {name}");
        ns.push(run);
        nothing.push(between(&before.1, &after.1).1);
    }
    Ok((median(ns), median(nothing)))
}

/// A sample into a flow's histogram: of each segment as it comes, and of one that is near.
pub fn measure(object: &mut Object, twin: &mut Ebpf, place: &Place, rounds: u32) -> Result<[Value; 2]> {
    let cgroup = std::fs::File::open(place.root.join(&place.path[1..]))?;
    let mut links = Vec::new();
    for (name, side) in
        [(names::OBSERVE_TX, CgroupSkbAttachType::Egress), (names::OBSERVE_RX, CgroupSkbAttachType::Ingress)]
    {
        object.load_program(name)?;
        let program: &mut CgroupSkb = object.program(name)?.try_into()?;
        let id = program.attach(&cgroup, side, CgroupAttachMode::default())?;
        links.push(program.take_link(id)?);
    }
    let btf = aya::Btf::from_sys_fs()?;
    let empty: &mut BtfTracePoint = twin.program_mut(EMPTY).context("no empty program")?.try_into()?;
    empty.load("tcp_probe", &btf)?;
    empty.attach()?;
    let mut pair = Pair::new()?;
    let row = |name: String, (ns, empty): (f64, f64), each: u32| {
        let above = (ns - empty) / f64::from(each);
        json!({ "name": name, "empty": empty, "ns": above + empty, "above_empty": above, "bound": 40.0 })
    };
    let real = segments(object, twin, place, &mut pair, rounds, (names::TCP_PROBE, 1))?;
    let near = segments(object, twin, place, &mut pair, rounds, (names::MEASURED_TCP, MEASURED_SAMPLES))?;
    let histograms = FlowReader::new(object)?.histograms()?;
    ensure!(histograms.len() >= 2, "histograms of {} flows were used", histograms.len());
    Ok([
        row("a received segment with its RTT sample, bpf_stats".to_owned(), real, 1),
        row(format!("the same, {MEASURED_SAMPLES} times in a row"), near, MEASURED_SAMPLES),
    ])
}
