//! Test runs of the kernel: a program, run again and again on one packet.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use aya::{
    TestRun as _, TestRunOptions,
    maps::lpm_trie::Key,
    programs::{CgroupSkb, Program},
};
use injector::kernel::{object::Object, real::port_blocks};
use injector_ebpf::{
    draw::Draw,
    gate::{BEAT_DEADLINE, BEAT_START},
    means::{Means, Ports},
    names,
    rule::{
        CG_PEERS, CG_PORTS, CgroupEntry, GateStats, HOOK_CGROUP_INGRESS, MAX_RULES, PeerRules, PortBlock,
        RULE_PEERS, Rule, RuleStats,
    },
};
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::{
    cases::{self, Case, Counted, Rules},
    median,
    place::Place,
};

/// Length of the packet: a small request with its headers.
pub const PACKET: usize = 266;
/// Where the packet comes from and goes (RFC 5737). To a rule at ingress the former is the peer.
const FROM: [u8; 4] = [192, 0, 2, 1];
const TO: [u8; 4] = [198, 51, 100, 7];
/// Longer than any measurement.
const LEASE: Duration = Duration::from_secs(600);

/// TCP over IPv4 over Ethernet.
fn packet() -> Vec<u8> {
    let mut bytes = vec![0_u8; PACKET];
    bytes[12..14].copy_from_slice(&[0x08, 0x00]);
    let length = (PACKET - 14) as u16;
    bytes[14..18].copy_from_slice(&[0x45, 0, (length >> 8) as u8, length as u8]);
    bytes[22..24].copy_from_slice(&[64, 6]);
    bytes[26..30].copy_from_slice(&FROM);
    bytes[30..34].copy_from_slice(&TO);
    bytes[34..38].copy_from_slice(&[0xc0, 0x01, 0x15, 0x38]);
    bytes[46..48].copy_from_slice(&[0x50, 0x18]);
    bytes
}

/// An address as rules hold it.
fn mapped(v4: [u8; 4]) -> [u32; 4] {
    [0, 0, 0xffff_u32.to_be(), u32::from_ne_bytes(v4)]
}

/// A rule of threshold 0 for the peers that the trie has for it.
pub fn rule(hook: u32) -> Rule {
    Rule { hook, flags: RULE_PEERS, draw: Draw::NEVER, ..Rule::FREE }
}

/// A rule for ports that the packet has not.
fn other_ports(hook: u32, slot: u32) -> Rule {
    let port = 7000 + slot as u16;
    Rule { flags: 0, means: Means { peer: Ports { low: port, high: port }, ..Means::ALL }, ..rule(hook) }
}

/// Says which rules mean this /24.
pub fn peers(object: &mut Object, v4: [u8; 4], rules: u32) -> Result<()> {
    let [a, b, c, d] = mapped([v4[0], v4[1], v4[2], 0]);
    Ok(object.trie::<[u32; 4], PeerRules>(names::PEERS)?.insert(
        &Key::new(120, [a, b, c, d]),
        PeerRules { meant: rules, left_out: 0 },
        0,
    )?)
}

/// Makes the state that a case is about.
pub fn prepare(object: &mut Object, place: &Place, case: &Case) -> Result<()> {
    object.set_halt(u64::from(case.halted))?;
    object.beat(BEAT_START, 0, if case.lease { LEASE } else { Duration::ZERO })?;
    let peer = if case.hook == HOOK_CGROUP_INGRESS { FROM } else { TO };
    peers(object, peer, u32::from(case.rules == Rules::Never))?;
    // The next networks.
    for slot in 0..MAX_RULES as u8 {
        peers(object, [peer[0], peer[1], peer[2] + 1 + slot, 0], 1 << slot)?;
    }
    let mut rules = BTreeMap::new();
    for slot in 0..MAX_RULES as u32 {
        let rule = match case.rules {
            Rules::Never if slot == 0 => rule(case.hook),
            Rules::OtherPeer(rules) if slot < rules => rule(case.hook),
            Rules::OtherPort(rules) if slot < rules => other_ports(case.hook, slot),
            _ => Rule::FREE,
        };
        object.array::<Rule>(names::RULES)?.set(slot, rule, 0)?;
        object.beat(BEAT_DEADLINE, slot, LEASE)?;
        rules.insert(slot, rule);
    }
    for (index, block) in (0..).zip(port_blocks(&rules)) {
        object.array::<PortBlock>(names::PORT_RULES)?.set(index, block, 0)?;
    }
    let mut cgroups = object.hash::<u64, CgroupEntry>(names::CGROUPS)?;
    // Others are known in every case: a lookup in an empty map would cost less.
    for other in 1..=case.cgroups {
        cgroups.insert(place.id + (other << 32), CgroupEntry { rules: 1, flags: 0 }, 0)?;
    }
    let rules = match case.rules {
        Rules::Unknown => 0,
        Rules::OtherPeer(rules) | Rules::OtherPort(rules) => ((1_u64 << rules) - 1) as u32,
        Rules::Never => 1,
    };
    if rules == 0 {
        cgroups.remove(&place.id).ok();
    } else {
        let flags = if matches!(case.rules, Rules::OtherPort(_)) { CG_PORTS } else { CG_PEERS };
        cgroups.insert(place.id, CgroupEntry { rules, flags }, 0)?;
    }
    if !case.lease {
        // It ends with the tick in which it was taken.
        std::thread::sleep(Duration::from_millis(30));
    }
    Ok(())
}

pub fn counted(object: &mut Object) -> Result<Counted> {
    let mut sum = Counted::default();
    for cpu in object.per_cpu::<GateStats>(names::GATE_STATS)?.get(&0, 0)?.iter() {
        sum.halted += cpu.halted;
        sum.lapsed += cpu.lapsed;
        sum.other += cpu.unattributed + cpu.unparsed;
    }
    let stats = object.array::<RuleStats>(names::STATS)?;
    for slot in 0..MAX_RULES as u32 {
        let rule = stats.get(&slot, 0)?;
        sum.matched += rule.matched;
        sum.passed_chance += rule.passed_chance;
        sum.other += rule.acted + rule.passed_deadline + rule.passed_budget + rule.passed_protected;
    }
    Ok(sum)
}

pub fn minus(a: Counted, b: Counted) -> Counted {
    Counted {
        halted: a.halted - b.halted,
        lapsed: a.lapsed - b.lapsed,
        other: a.other - b.other,
        matched: a.matched - b.matched,
        passed_chance: a.passed_chance - b.passed_chance,
    }
}

/// Nanoseconds a run, by the CPU time of this thread: what other processes take of the CPU is not in it.
fn run(object: &mut Object, case: &Case, packet: &[u8], repeat: u32) -> Result<f64> {
    let mut options = TestRunOptions::new();
    (options.data_in, options.repeat) = (Some(packet), repeat);
    let now = || Ok::<_, nix::Error>(Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?));
    let began = now()?;
    let result = match object.program(case.program)? {
        Program::SchedClassifier(program) => program.test_run(options),
        program => <&mut CgroupSkb>::try_from(program)?.test_run(options),
    };
    let took = now()?.saturating_sub(began);
    let answer = result.with_context(|| format!("running {}", case.program))?.return_value;
    ensure!(answer == case.answer, "{}: it answered {answer}, not {}", case.name, case.answer);
    Ok(took.as_nanos() as f64 / f64::from(repeat))
}

/// Runs every case, and makes sure that each was what it says it is.
pub fn measure(place: &Place, repeat: u32, rounds: u32) -> Result<Value> {
    let mut object = Object::load(std::process::id())?;
    let (cases, packet) = (cases::all(), packet());
    for name in cases.iter().map(|case| case.program).chain([names::EGRESS]) {
        object.load_program(name)?;
    }
    object.set_behind_stub(names::PROG_EGRESS, names::EGRESS)?;
    let mut figures = vec![Vec::new(); cases.len()];
    for round in 0..rounds {
        eprintln!("bench: programs, round {} of {rounds}", round + 1);
        for (case, figures) in cases.iter().zip(&mut figures) {
            prepare(&mut object, place, case)?;
            run(&mut object, case, &packet, (repeat / 10).max(1))?;
            let before = counted(&mut object)?;
            figures.push(run(&mut object, case, &packet, repeat)?);
            let delta = minus(counted(&mut object)?, before);
            let expected = (case.counts)(u64::from(repeat));
            ensure!(delta == expected, "{}: counted {delta:?}, not {expected:?}", case.name);
        }
    }
    let empty = median(figures[cases::EMPTY].clone());
    let rows = cases.iter().zip(figures).map(|(case, figures)| {
        let spread =
            figures.iter().copied().fold((f64::MAX, 0.0), |(a, b), x| (f64::min(a, x), f64::max(b, x)));
        let ns = median(figures);
        json!({
            "name": case.name, "program": case.program, "ns": ns, "least": spread.0, "most": spread.1,
            "times_empty": ns / empty, "above_empty": ns - empty, "promised": case.promised,
            "few": case.few,
        })
    });
    Ok(rows.collect())
}
