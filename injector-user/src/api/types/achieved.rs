//! What came of a fault: its counters, and the achieved rate and delay beside the asked ones.

use serde::{Deserialize, Serialize};

/// Counters of one fault, from the kernel.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct CountersDoc {
    /// Packets (skbs) or calls that the fault means.
    pub matched: u64,
    /// Of these, faulted.
    pub acted: u64,
    /// Segments on the wire that `matched` stands for.
    pub matched_wire: u64,
    /// Segments on the wire that `acted` stands for.
    pub acted_wire: u64,
    /// Bytes of the faulted packets.
    pub acted_bytes: u64,
    /// A shadow would have faulted so many.
    pub shadow: u64,
    /// Segments on the wire that `shadow` stands for.
    pub shadow_wire: u64,
    /// Let through by chance, by the deadline, by a budget (in total, in this second), because protected.
    pub passed_chance: u64,
    /// See above.
    pub passed_deadline: u64,
    /// See above.
    pub passed_budget: u64,
    /// See above.
    pub passed_rate: u64,
    /// See above.
    pub passed_protected: u64,
    /// Calls whose path could not be read: let through.
    pub unreadable: u64,
    /// Calls that reached the hook from other syscalls (execve, splice): let through.
    pub other_call: u64,
    /// Calls of 32-bit programs that reached the hook: let through.
    #[serde(default)]
    pub compat: u64,
    /// What reached the hook from io_uring: let through.
    #[serde(default)]
    pub io_uring: u64,
    /// Packets that our delay device lost because its queue was full.
    pub tail_drops: u64,
    /// Packets that were still held when the device had to go: lost.
    pub lost_in_drain: u64,
    /// For fmod_ret: calls, of whatever program on the host, that the kernel let pass without asking us. Absent for other
    /// rungs, which miss none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub missed: Option<u64>,
}

/// How much of something: as far as the kernel counts it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct AmountDoc {
    /// Packets as the kernel handles them (skbs, each of one or many segments), or calls.
    pub skbs: u64,
    /// Packets on the wire that these stand for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wire: Option<u64>,
    /// Their bytes, with headers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes: Option<u64>,
}

/// What the gate let through although the fault means it: skbs or calls.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct PassedDoc {
    /// All of the following.
    pub skbs: u64,
    /// After its time.
    pub deadline: u64,
    /// A budget was spent.
    pub budget: u64,
    /// This second's budget was spent.
    pub rate: u64,
    /// Protected.
    pub protected: u64,
    /// The thread repeated the failing call too fast, and the fault backed off.
    #[serde(default)]
    pub livelock: u64,
}

/// Whether the achieved rate can be that of the asked one.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub enum Fidelity {
    /// It is as near as it must be: within five standard deviations (and two packets).
    #[serde(rename = "within")]
    Within,
    /// It is not: chance alone would do that about once in a million looks.
    #[serde(rename = "off")]
    Off,
    /// Fewer than 30 draws that tell anything.
    #[serde(rename = "too few")]
    TooFew,
}

/// What was asked of the time that packets are held, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct AskedDelayDoc {
    /// The mean.
    pub by_us: u64,
    /// The scale of the spread: half its width (uniform), or the standard deviation.
    pub jitter_us: u64,
    /// The median of the distribution.
    pub p50_us: u64,
    /// Its 99th percentile.
    pub p99_us: u64,
}

/// How long packets were in our device, measured on them, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct AchievedDelayDoc {
    /// Packets (skbs) that were measured.
    pub samples: u64,
    /// Exact; absent without samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mean_us: Option<u64>,
    /// From a histogram, as the next two: within 5.9 %, and as good as exact if nearly all are the same.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p50_us: Option<u64>,
    /// Needs 20 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p90_us: Option<u64>,
    /// Needs 200 samples.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub p99_us: Option<u64>,
}

/// The time that packets are held, of a fault that holds some.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct DelayDoc {
    /// Absent for a rate: nobody asked for a time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asked: Option<AskedDelayDoc>,
    /// `null` if it cannot be measured.
    #[serde(default)]
    pub achieved: Option<AchievedDelayDoc>,
    /// What is not measured, and why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
}

/// What came of a fault, and what was asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default)]
pub struct AchievedDoc {
    /// What the fault means.
    pub matched: AmountDoc,
    /// Of that, selected for the fault.
    pub acted: AmountDoc,
    /// Of that, what a shadow would have selected.
    pub shadow: AmountDoc,
    /// Let through by chance.
    pub passed_chance: AmountDoc,
    /// Let through by the gate.
    pub passed_gate: PassedDoc,
    /// Selected (and counted in `acted`), yet not done: the packet had a form that cannot be answered or changed.
    pub failed: AmountDoc,
    /// Of the skbs or calls for which the dice were thrown, those that were faulted (or would have been, by a shadow).
    /// Absent while there were none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_percent: Option<f64>,
    /// Its 95 % interval (Wilson's), low and high; for bursts with as many draws as they are worth. Absent where whole
    /// flows are taken: their packets say nothing about the share of the flows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_percent: Option<[f64; 2]>,
    /// The rate in the long run that was asked for; absent for a ramp, the first N, and what comes above a number in a
    /// second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_percent: Option<f64>,
    /// The one beside the other; absent where one of them is, and where whole flows are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Fidelity>,
    /// Of a fault that holds packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<DelayDoc>,
}

/// A fault of the network that has found nothing to act on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct NothingMatchedDoc {
    /// Since it was armed, whole seconds.
    pub seconds: u64,
    /// What was found when it was last looked, every 5 s.
    pub why: String,
}
