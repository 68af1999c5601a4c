//! How long a fault may hold one packet, and what to ask for instead.

use super::Ledger;
use crate::error::Error;
use crate::spec::{Bandwidth, FaultKind, FaultSpec, Span};

/// A second in microseconds, times the bits of a byte.
const BITS_PER_BYTE_SECOND: u128 = 8_000_000;

/// `delay`: the longest that one packet can be held, by the spec.
pub(super) fn check(spec: &FaultSpec, delay: Span, most: Span, ledger: &mut Ledger) -> Result<(), Error> {
    let what = match &spec.fault {
        FaultKind::Rate { .. } => "a wait for the rate of up to",
        FaultKind::Delay { rate: Some(_), .. } => "a delay (with its jitter and the wait for its rate) of",
        _ => "a delay (with its jitter) of",
    };
    ledger.at_most("max_delay", what, delay, most, || instead(spec, most))
}

fn instead(spec: &FaultSpec, most: Span) -> String {
    match &spec.fault {
        FaultKind::Rate { rate, queue, per_flow, .. } => {
            let bytes = u128::from(rate.bits()) * u128::from(most.as_micros()) / BITS_PER_BYTE_SECOND;
            let queue_of = format!("a queue of {bytes}B or less");
            // The plan refuses one that holds no whole packet.
            let holds_one =
                *per_flow || bytes >= u128::from(FaultKind::largest_packet(spec.may_use_loopback()));
            let on = |loopback| rate_for(spec.fault.least_queue(loopback), most);
            match (queue, on(spec.may_use_loopback()), on(false)) {
                (None, Some(high), Some(low)) if high != low => format!(
                    "the queue has room for one of lo's packets of 64 KiB: ask for {high} or more, or for an \
                     interface that is not lo and {low} or more"
                ),
                (None, Some(rate), _) if holds_one => format!("ask for {rate} or more, or for {queue_of}"),
                (None, Some(rate), _) => format!("ask for {rate} or more"),
                _ if holds_one => format!("ask for {queue_of}"),
                _ => "ask for a higher rate".into(),
            }
        }
        FaultKind::Delay { rate: Some(rate), .. } => {
            let wait = rate.time_of(rate.usual_queue());
            format!("{wait} of it is what may wait for {rate}: ask for a shorter delay, or a higher rate")
        }
        _ => format!("ask for {most} or less"),
    }
}

/// The lowest rate, in whole kbit/s, at which so many bytes wait no longer than `most`; `None` if at no rate what waits
/// by default does.
fn rate_for(bytes: u64, most: Span) -> Option<Bandwidth> {
    let bits = (u128::from(bytes) * BITS_PER_BYTE_SECOND).div_ceil(u128::from(most.as_micros().max(1)));
    let rate = Bandwidth::from_bits(u64::try_from(bits.div_ceil(1_000) * 1_000).ok()?)?;
    (rate.time_of(rate.usual_queue().max(bytes)) <= most).then_some(rate)
}
