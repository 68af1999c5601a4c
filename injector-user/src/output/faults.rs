//! Metrics of the faults, one series each for every fault that is shown.

use anyhow::Result;

use super::{
    families::{Families, set_quantiles},
    reactions,
};
use crate::api::types::{FaultDoc, Fidelity, SignalsDoc, State};

/// Ended faults that keep their series, so that a scrape still sees their last numbers.
const ENDED_SHOWN: usize = 20;

/// Adds what `faults` did; ended ones are expected newest first.
pub fn add(page: &Families, faults: &[FaultDoc]) -> Result<()> {
    let (ended, live): (Vec<_>, Vec<_>) = faults.iter().partition(|fault| fault.state == State::Ended);
    let shown: Vec<&FaultDoc> = live.into_iter().chain(ended.into_iter().take(ENDED_SHOWN)).collect();
    states(page, &shown)?;
    counters(page, &shown)?;
    achieved(page, &shown)?;
    reactions::add(page, &shown)?;
    signals(page, &shown)
}

fn states(page: &Families, faults: &[&FaultDoc]) -> Result<()> {
    let labels = ["id", "kind"];
    let armed = page.gauge("injector_fault_armed", "1 while the fault acts, 0 when it is over.", &labels)?;
    let left = page.gauge("injector_fault_left_seconds", "Time until the fault ends by itself.", &labels)?;
    let hurt = page.gauge("injector_fault_control_hurt", "1 while the control group suffers.", &labels)?;
    let set = |on: bool| f64::from(u8::from(on));
    for fault in faults {
        let labels = [fault.id.as_str(), fault.spec.fault.verb()];
        armed.with_label_values(&labels).set(set(fault.state == State::Armed));
        left.with_label_values(&labels).set(fault.left_ms as f64 / 1e3);
        let verdict = &fault.control_verdict;
        hurt.with_label_values(&labels).set(set(verdict.starts_with("hurt") || verdict.starts_with("abort")));
    }
    Ok(())
}

fn counters(page: &Families, faults: &[&FaultDoc]) -> Result<()> {
    let two = ["id", "kind"];
    let family = |name, help| page.counter(name, help, &two);
    let matched = family("injector_fault_matched_total", "Packets (skbs) or calls that the fault means.")?;
    let acted = family("injector_fault_acted_total", "Packets (skbs) or calls that were faulted.")?;
    let matched_wire = family(
        "injector_fault_matched_wire_packets_total",
        "Packets on the wire, or calls, that the fault means.",
    )?;
    let acted_wire = family(
        "injector_fault_acted_wire_packets_total",
        "Packets on the wire, or calls, that were faulted.",
    )?;
    let matched_bytes =
        family("injector_fault_matched_bytes_total", "Bytes of the packets that the fault means.")?;
    let bytes = family("injector_fault_acted_bytes_total", "Bytes of the faulted packets.")?;
    let failed = family(
        "injector_fault_failed_total",
        "Packets (skbs) that were selected, and whose form could not be answered or changed.",
    )?;
    let queue =
        family("injector_fault_tail_drops_total", "Packets that the delay device lost: its queue was full.")?;
    let drain =
        family("injector_fault_lost_in_drain_total", "Packets still held when the delay device had to go.")?;
    let missed = family(
        "injector_fault_missed_total",
        "Calls, of whatever program on the host, that the kernel let pass without asking us (fmod_ret).",
    )?;
    let passed = page.counter(
        "injector_fault_passed_total",
        "Packets or calls that the fault means and let through, by reason.",
        &["id", "kind", "reason"],
    )?;
    for fault in faults {
        let (id, kind, c) = (fault.id.as_str(), fault.spec.fault.verb(), &fault.counters);
        for (family, n) in [
            (&matched, c.matched),
            (&acted, c.acted),
            (&matched_wire, c.matched_wire),
            (&acted_wire, c.acted_wire),
            (&matched_bytes, fault.achieved.matched.bytes.unwrap_or_default()),
            (&bytes, c.acted_bytes),
            (&failed, fault.achieved.failed.skbs),
            (&queue, c.tail_drops),
            (&drain, c.lost_in_drain),
            (&missed, c.missed.unwrap_or_default()),
        ] {
            family.with_label_values(&[id, kind]).inc_by(n);
        }
        for (reason, n) in [
            ("chance", c.passed_chance),
            ("deadline", c.passed_deadline),
            ("budget", c.passed_budget),
            ("rate", c.passed_rate),
            ("shadow", c.shadow),
            ("protected", c.passed_protected),
            ("unreadable", c.unreadable),
            ("other_call", c.other_call),
            ("compat", c.compat),
            ("io_uring", c.io_uring),
            ("livelock", fault.achieved.passed_gate.livelock),
        ] {
            passed.with_label_values(&[id, kind, reason]).inc_by(n);
        }
    }
    Ok(())
}

/// The achieved delay beside the asked one; of the rate, what the counters do not say.
fn achieved(page: &Families, faults: &[&FaultDoc]) -> Result<()> {
    let (two, with_q) = (["id", "kind"], ["id", "kind", "q"]);
    let asked_rate = page.gauge(
        "injector_fault_asked_ratio",
        "The share of the matching packets or calls that was asked for, 0 to 1.",
        &two,
    )?;
    let off = page.gauge(
        "injector_fault_rate_off",
        "1 while the achieved share is further from the asked one than chance explains; absent while it is not judged.",
        &two,
    )?;
    let nothing = page.gauge(
        "injector_fault_nothing_matched",
        "1 while nothing that it may act on has matched for 5 s or longer.",
        &two,
    )?;
    let asked = page.gauge(
        "injector_fault_asked_delay_seconds",
        "How long packets are to be held, by quantile q.",
        &with_q,
    )?;
    let held = page.gauge(
        "injector_fault_delay_seconds",
        "How long packets were held since the fault was armed, measured on them at egress, by quantile q.",
        &with_q,
    )?;
    let samples =
        page.counter("injector_fault_delay_samples_total", "Held packets that were measured.", &two)?;
    for fault in faults {
        let (labels, doc) = ([fault.id.as_str(), fault.spec.fault.verb()], &fault.achieved);
        if let Some(percent) = doc.asked_percent {
            asked_rate.with_label_values(&labels).set(percent / 100.0);
        }
        if let Some(verdict) = doc.verdict.filter(|verdict| *verdict != Fidelity::TooFew) {
            off.with_label_values(&labels).set(f64::from(u8::from(verdict == Fidelity::Off)));
        }
        nothing.with_label_values(&labels).set(f64::from(u8::from(fault.nothing_matched.is_some())));
        let Some(delay) = &doc.delay else { continue };
        if let Some(told) = delay.asked {
            set_quantiles(&asked, &labels, [Some(told.p50_us), None, Some(told.p99_us), None]);
        }
        if let Some(found) = delay.achieved {
            set_quantiles(&held, &labels, [found.p50_us, found.p90_us, found.p99_us, None]);
            samples.with_label_values(&labels).inc_by(found.samples);
        }
    }
    Ok(())
}

fn signals(page: &Families, faults: &[&FaultDoc]) -> Result<()> {
    let labels = ["id", "kind", "group"];
    let rtt = page.gauge(
        "injector_fault_rtt_seconds",
        "TCP round trips of target and control group since the fault was armed, by quantile q.",
        &["id", "kind", "group", "q"],
    )?;
    let family = |name, help| page.counter(name, help, &labels);
    let samples = family("injector_fault_rtt_samples_total", "Round trips that were measured.")?;
    let segments = family("injector_fault_segments_total", "TCP segments sent, as far as seen.")?;
    let retransmits = family("injector_fault_retransmits_total", "TCP retransmits.")?;
    for fault in faults {
        let add = |group, s: &SignalsDoc| {
            let labels = [fault.id.as_str(), fault.spec.fault.verb(), group];
            set_quantiles(&rtt, &labels, [s.rtt_p50_us, s.rtt_p90_us, s.rtt_p99_us, None]);
            samples.with_label_values(&labels).inc_by(s.samples);
            segments.with_label_values(&labels).inc_by(s.segments);
            retransmits.with_label_values(&labels).inc_by(s.retransmits);
        };
        add("target", &fault.target);
        add("control", &fault.control);
    }
    Ok(())
}
