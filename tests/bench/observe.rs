//! What observing costs: a packet of one flow, of one of very many, a sample, and reading them all.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use aya::{
    Ebpf, TestRun as _, TestRunOptions,
    programs::{CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, ProgramInfo},
    sys::{Stats, enable_stats},
};
use injector::kernel::{iter::FlowReader, object::Object};
use injector_ebpf::{
    flow::FlowStats,
    names,
    rule::{CG_WATCH, CgroupEntry},
};
use nix::{
    sched::{CloneFlags, unshare},
    time::{ClockId, clock_gettime},
};
use serde_json::{Value, json};

use crate::{
    median,
    place::Place,
    runs::PACKET,
    samples,
    sockets::{Crowd, EACH},
};

static TWIN: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bench.o"));

/// Real sockets, each with a flow.
const MANY: usize = 65_536;
/// Packets of one socket before the next has its turn: a request or an answer of some 10 kB.
const BURST: usize = 8;
/// Flows that are read.
const READ: usize = 100_000;

/// The twins: an empty program, and a hash in place of what lives in the socket.
const EMPTY: &str = "bench_empty";
const HASH: &str = "bench_hash";
/// A place in an array that is the socket's own.
const LINE: &str = "bench_line";

fn observed(place: &Place) -> Result<Object> {
    let mut object = Object::load(std::process::id())?;
    let entry = CgroupEntry { rules: 0, flags: CG_WATCH };
    object.hash::<u64, CgroupEntry>(names::CGROUPS)?.insert(place.id, entry, 0)?;
    object.array::<u64>(names::FLOW_LIMIT)?.set(0, 1 << 20, 0)?;
    object.array::<u64>(names::GENERATION)?.set(0, 1, 0)?;
    Ok(object)
}

fn skb<'a>(object: &'a mut Object, twin: &'a mut Ebpf, name: &str) -> Result<&'a mut CgroupSkb> {
    Ok(if name == names::OBSERVE_TX {
        object.load_program(name)?;
        object.program(name)?.try_into()?
    } else {
        twin.program_mut(name).with_context(|| format!("no {name}"))?.try_into()?
    })
}

fn cpu_time() -> Result<Duration> {
    Ok(Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?))
}

/// One flow, by test runs.
fn one(object: &mut Object, twin: &mut Ebpf, repeat: u32, rounds: u32) -> Result<Value> {
    let mut packet = vec![0_u8; PACKET];
    packet[12..14].copy_from_slice(&[0x08, 0x00]);
    packet[14] = 0x45;
    let all = [EMPTY, names::OBSERVE_TX, HASH];
    let mut figures = [const { Vec::new() }; 3];
    let created = |object: &mut Object| -> Result<u64> {
        let stats: FlowStats = object.array(names::FLOW_STATS)?.get(&0, 0)?;
        Ok(stats.created)
    };
    for round in 0..rounds {
        eprintln!("bench: observing one flow, round {} of {rounds}", round + 1);
        for (name, figures) in all.iter().zip(&mut figures) {
            let before = created(object)?;
            let program = skb(object, twin, name)?;
            let mut options = TestRunOptions::new();
            (options.data_in, options.repeat) = (Some(packet.as_slice()), repeat);
            let began = cpu_time()?;
            ensure!(program.test_run(options)?.return_value == 1, "{name} dropped the packet");
            figures.push(cpu_time()?.saturating_sub(began).as_nanos() as f64 / f64::from(repeat));
            let made = created(object)? - before;
            ensure!(made == u64::from(*name == names::OBSERVE_TX), "{name} made {made} flows");
        }
    }
    Ok(row("a packet of one flow, test run", 20.0, figures.map(median)))
}

fn row(name: &str, bound: f64, [empty, observed, hash]: [f64; 3]) -> Value {
    json!({
        "name": name, "empty": empty, "ns": observed, "above_empty": observed - empty, "bound": bound,
        "hash": hash, "hash_above_empty": hash - empty, "of_hash": (observed - empty) / (hash - empty),
    })
}

fn info(object: &mut Object, twin: &mut Ebpf, name: &str) -> Result<ProgramInfo> {
    Ok(skb(object, twin, name)?.info()?)
}

/// Runs, and nanoseconds a run, between two looks.
pub fn between(before: &ProgramInfo, after: &ProgramInfo) -> (u64, f64) {
    let runs = after.run_count() - before.run_count();
    (runs, after.run_time().saturating_sub(before.run_time()).as_nanos() as f64 / runs as f64)
}

/// Many flows of real sockets, by the kernel's account.
fn many(
    object: &mut Object,
    twin: &mut Ebpf,
    place: &Place,
    crowd: &mut Crowd,
    packets: usize,
    rounds: u32,
) -> Result<Value> {
    let cgroup = std::fs::File::open(place.root.join(&place.path[1..]))?;
    let mut figures = [const { Vec::new() }; 4];
    for round in 0..rounds {
        eprintln!("bench: observing {MANY} sockets, {packets} packets each, round {} of {rounds}", round + 1);
        for (at, name) in [EMPTY, names::OBSERVE_TX, HASH, LINE].iter().enumerate() {
            let program = skb(object, twin, name)?;
            let id = program.attach(&cgroup, CgroupSkbAttachType::Egress, CgroupAttachMode::default())?;
            let link = program.take_link(id)?;
            // Whatever is made at the first packet is made.
            crowd.play(1)?;
            let stats = enable_stats(Stats::RunTime)?;
            let before = info(object, twin, name)?;
            crowd.play(packets)?;
            let after = info(object, twin, name)?;
            drop((stats, link));
            let (runs, ns) = between(&before, &after);
            ensure!(runs >= MANY as u64, "{name} ran {runs} times");
            figures[at].push(ns);
        }
    }
    let name = match packets {
        1 => "a packet of one of 64k sockets, each time another one, bpf_stats".to_owned(),
        _ => format!("the same, {packets} packets of one before the next"),
    };
    let [empty, observed, hash, line] = figures.map(median);
    let mut row = row(&name, 60.0, [empty, observed, hash]);
    row["line_above_empty"] = json!(line - empty);
    Ok(row)
}

/// All flows, with what it takes of a core.
fn read(object: &mut Object, open: usize, rounds: u32) -> Result<Value> {
    let mut reader = FlowReader::new(object)?;
    let (mut wall, mut cpu, mut found) = (Vec::new(), Vec::new(), 0);
    reader.read(|_| ())?;
    for _ in 0..rounds {
        let (began, cpu_began) = (Instant::now(), cpu_time()?);
        found = 0;
        reader.read(|flows| found += flows.iter().filter(|flow| flow.counts.tx_packets > 0).count())?;
        wall.push(began.elapsed().as_secs_f64() * 1e3);
        cpu.push(cpu_time()?.saturating_sub(cpu_began).as_secs_f64() * 1e3);
    }
    ensure!(found >= open, "{found} flows of {open}");
    Ok(
        json!({ "flows": found, "ms": median(wall), "cpu_ms": median(cpu), "bound_ms": 30.0, "room_bytes": reader.room() }),
    )
}

/// Kernel memory of the maps that this process holds (`memlock` of fdinfo), in bytes.
fn map_memory() -> u64 {
    let entries = std::fs::read_dir("/proc/self/fdinfo").into_iter().flatten().flatten();
    let texts = entries.filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    let maps = texts.filter(|text| text.contains("map_id:"));
    let of = |text: String| {
        text.lines().find_map(|line| line.strip_prefix("memlock:")?.trim().parse::<u64>().ok())
    };
    maps.filter_map(of).sum()
}

/// Everything, in a network namespace of this thread's own.
pub fn measure(place: &Place, repeat: u32, rounds: u32) -> Result<Value> {
    unshare(CloneFlags::CLONE_NEWNET).context("making a network namespace")?;
    let commands = [
        "link set lo up",
        "link add e0 type veth peer name e1",
        "link set e0 up",
        "link set e1 up",
        "addr add 10.92.0.1/16 dev e0",
        "addr add 10.92.0.2/16 dev e0",
        "addr add 10.92.0.3/16 dev e0",
        "addr add 10.92.0.4/16 dev e0",
        "addr add 10.92.0.5/16 dev e0",
        "addr add 10.92.0.6/16 dev e0",
        "addr add 10.92.0.7/16 dev e0",
        "neigh add 10.92.1.0 lladdr 02:00:00:00:00:09 dev e0 nud permanent",
    ];
    for args in commands {
        let status = std::process::Command::new("ip").args(args.split(' ')).status()?;
        ensure!(status.success(), "ip {args}: {status}");
    }
    let mut object = observed(place)?;
    let mut twin = aya::EbpfLoader::new().load(TWIN).context("the twins")?;
    for name in [EMPTY, HASH, LINE] {
        let program: &mut CgroupSkb =
            twin.program_mut(name).with_context(|| format!("no {name}"))?.try_into()?;
        program.load()?;
    }
    let one = one(&mut object, &mut twin, repeat, rounds)?;
    let [sample, near] = samples::measure(&mut object, &mut twin, place, rounds)?;
    let mut crowd = Crowd::new();
    crowd.add(MANY / EACH, EACH)?;
    // The first is as cold as it gets: no cache holds 64k sockets. A connection's packets rarely come one by one.
    let cold = many(&mut object, &mut twin, place, &mut crowd, 1, rounds)?;
    let warm = many(&mut object, &mut twin, place, &mut crowd, BURST, rounds)?;
    // Its maps are no cost of ours.
    drop(twin);
    crowd.add(2, (READ - MANY) / 2)?;
    // The others get their flow.
    let cgroup = std::fs::File::open(place.root.join(&place.path[1..]))?;
    let program: &mut CgroupSkb = object.program(names::OBSERVE_TX)?.try_into()?;
    let id = program.attach(&cgroup, CgroupSkbAttachType::Egress, CgroupAttachMode::default())?;
    let _link = program.take_link(id)?;
    crowd.play(1)?;
    let read = read(&mut object, READ, rounds)?;
    Ok(json!({ "packets": [one, cold, warm, sample, near], "read": read, "map_bytes": map_memory() }))
}
