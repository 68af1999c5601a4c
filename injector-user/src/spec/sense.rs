//! What of one kind of fault only makes sense together.

mod calls;
mod packets;

use super::{Distribution, DnsAnswer, DnsPattern, Draw, FaultKind, Percent, Span};
use crate::error::Error;

pub(super) use packets::packets;

/// The least burst in bytes: with less no full packet of an Ethernet ever passes.
const LEAST_BURST: u64 = 1_600;

/// How many new connections a second can be let through.
pub(super) const MOST_ABOVE: u32 = 1_000_000;

/// Checks a kind by itself.
pub(super) fn kind(fault: &FaultKind) -> Result<(), Error> {
    match fault {
        FaultKind::Drop { direction, local_error: true, .. } if direction.ingress() => {
            Err(Error::usage(format!("a local error can't come {direction}: only a sender can be told"))
                .hint("leave out the direction or local_error"))
        }
        FaultKind::Delay { by, jitter, correlation, distribution, in_order, .. } => {
            delay(*by, *jitter, *correlation, distribution, *in_order)
        }
        FaultKind::Reorder { by, .. } if by.is_zero() => {
            Err(Error::usage("a reorder by 0s changes nothing").hint("write a time such as 10ms"))
        }
        FaultKind::Rate { burst: Some(_), per_flow: true, .. } => {
            Err(Error::usage("a rate per flow has no burst").hint("leave out the burst, or share the rate"))
        }
        FaultKind::Rate { burst: Some(burst), .. } if burst.get() < LEAST_BURST => {
            Err(Error::usage(format!("with a burst of {burst} no full packet passes"))
                .hint(format!("write {LEAST_BURST}B or more")))
        }
        FaultKind::Refuse { draw, above, .. } => refuse(*draw, *above),
        FaultKind::Dns { names, answer, by, .. } => {
            if names.len() != 1 {
                return Err(Error::usage(format!(
                    "a dns has one pattern of names, and {} were given",
                    names.len()
                ))
                .hint("write *.example.com for all below a name, or start a fault for each"));
            }
            if *answer == DnsAnswer::Reset && names[..] != [DnsPattern::All] {
                return Err(Error::usage(
                    "the answer reset can't tell names apart: it means questions over TCP",
                )
                .hint("write * for the names, or another answer"));
            }
            dns(*answer, *by)
        }
        FaultKind::Fail { .. } => calls::calls(fault),
        _ => Ok(()),
    }
}

fn delay(
    by: Span,
    jitter: Option<Span>,
    correlation: Option<Percent>,
    distribution: &Distribution,
    in_order: bool,
) -> Result<(), Error> {
    if by.is_zero() {
        return Err(Error::usage("a delay by 0s changes nothing").hint("write a delay such as 80ms"));
    }
    let measured = matches!(distribution, Distribution::Table(_));
    // Measured latencies bring a deviation that fits their mean; with a long tail it may be the larger one.
    if let Some(jitter) = jitter.filter(|jitter| *jitter > by && !measured) {
        return Err(Error::usage(format!("the jitter {jitter} is more than the delay {by}"))
            .hint(format!("a packet can't leave early: write at most {by}")));
    }
    if correlation.is_some() && measured {
        return Err(Error::usage("measured latencies have no correlation")
            .hint("leave it out, or choose uniform, normal, pareto or paretonormal"));
    }
    if jitter.is_none_or(Span::is_zero) {
        let without = [
            ("a correlation", correlation.is_some()),
            (distribution_words(distribution), !distribution.is_uniform()),
            ("to keep packets in order", in_order),
        ];
        if let Some((what, _)) = without.into_iter().find(|(_, given)| *given) {
            return Err(Error::usage(format!("{what} needs jitter: without it all delays are the same"))
                .hint("write a jitter such as 20ms, or leave it out"));
        }
    }
    Ok(())
}

fn distribution_words(distribution: &Distribution) -> &'static str {
    match distribution {
        Distribution::Table(_) => "a measured distribution",
        _ => "a distribution",
    }
}

fn refuse(draw: Option<Draw>, above: Option<u32>) -> Result<(), Error> {
    match (draw, above) {
        (None, None) => Err(Error::usage("a refuse needs a frequency or `above`").hint(
            "nothing defaults to 100 %: write a percent such as 5, or how many new connections a second are let through",
        )),
        (Some(_), Some(_)) => Err(Error::usage("a refuse can't have both a frequency and `above`")
            .hint("leave out one: above 100 refuses all new connections over 100 a second")),
        (None, Some(above)) if above == 0 || above > MOST_ABOVE => {
            Err(Error::usage(format!("above {above} is out of range"))
                .hint(format!("it is 1 to {MOST_ABOVE} connections a second")))
        }
        _ => Ok(()),
    }
}

fn dns(answer: DnsAnswer, by: Option<Span>) -> Result<(), Error> {
    match (answer, by) {
        (DnsAnswer::Delayed, None) => {
            Err(Error::usage("a dns with delayed answers needs `by`").hint("how much later: such as 2s"))
        }
        (DnsAnswer::Delayed, Some(by)) if by.is_zero() => {
            Err(Error::usage("a delay by 0s changes nothing").hint("write a delay such as 2s"))
        }
        (DnsAnswer::Delayed, Some(_)) | (_, None) => Ok(()),
        (answer, Some(_)) => Err(Error::usage(format!("the answer {answer} can't come later"))
            .hint("leave out `by`, or write the answer delayed")),
    }
}
