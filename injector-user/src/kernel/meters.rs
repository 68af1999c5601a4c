//! Budgets as the programs read them.

use std::time::Duration;

use anyhow::Result;
use injector_ebpf::{
    event::EVENTS_PER_SECOND,
    meter::{
        BYTES, BYTES_RATE, METERS, METERS_PER_RULE, Meter, MeterUse, NO_LIMIT, NODE, NODE_BYTES,
        NODE_BYTES_RATE, NODE_CALLS, NODE_CALLS_RATE, NODE_EVENTS, NODE_PACKETS, NODE_PACKETS_RATE, UNITS,
        UNITS_RATE,
    },
    names,
};

use super::object::Object;
use crate::limits::Budget;

/// The node's totals are counted anew every hour: a node that has seen many small faults is not used up for good.
const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

fn meter(object: &Object, limit: Option<u64>, window: Option<Duration>) -> Meter {
    match limit {
        None => Meter::NONE,
        // The largest number means "no limit"; one less is as good.
        Some(limit) => {
            Meter { limit: limit.min(NO_LIMIT - 1), window: window.map_or(0, |span| object.ticks(span)) }
        }
    }
}

/// A rule's own budgets, unused. A rule is about packets or about calls; the other one has no limit, so that the
/// smaller of the two is the one that was asked for.
pub(super) fn set_rule(object: &mut Object, slot: u32, budget: &Budget) -> Result<()> {
    let least = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
    let base = slot * METERS_PER_RULE;
    let all = [
        (UNITS, meter(object, least(budget.packets, budget.calls), None)),
        (BYTES, meter(object, budget.bytes, None)),
        (UNITS_RATE, meter(object, least(budget.packets_per_second, budget.calls_per_second), Some(SECOND))),
        (BYTES_RATE, meter(object, budget.bytes_per_second, Some(SECOND))),
    ];
    for (index, meter) in all {
        object.array::<MeterUse>(names::METER_USE)?.set(base + index, MeterUse::default(), 0)?;
        object.array::<Meter>(names::METERS)?.set(base + index, meter, 0)?;
    }
    Ok(())
}

/// The budgets of all rules together.
pub(super) fn set_node(object: &mut Object, budget: &Budget) -> Result<()> {
    let all = [
        (NODE_PACKETS_RATE, meter(object, budget.packets_per_second, Some(SECOND))),
        (NODE_BYTES_RATE, meter(object, budget.bytes_per_second, Some(SECOND))),
        (NODE_PACKETS, meter(object, budget.packets, Some(HOUR))),
        (NODE_BYTES, meter(object, budget.bytes, Some(HOUR))),
        (NODE_CALLS_RATE, meter(object, budget.calls_per_second, Some(SECOND))),
        (NODE_CALLS, meter(object, budget.calls, Some(HOUR))),
    ];
    // No budget of anybody's: more cannot be told without loss, and would cost the target.
    let events = meter(object, Some(EVENTS_PER_SECOND), Some(SECOND));
    for (index, meter) in all.into_iter().chain([(NODE_EVENTS, events)]) {
        object.array::<Meter>(names::METERS)?.set(index, meter, 0)?;
    }
    Ok(())
}

/// How often the node's hourly budgets said no.
pub(super) fn node_refusals(object: &mut Object) -> Result<u64> {
    let uses = object.array::<MeterUse>(names::METER_USE)?;
    let mut sum = 0;
    for index in (NODE..METERS).filter(|index| [NODE_PACKETS, NODE_BYTES, NODE_CALLS].contains(index)) {
        sum += uses.get(&index, 0)?.refused;
    }
    Ok(sum)
}
