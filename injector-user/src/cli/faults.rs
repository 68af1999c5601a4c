//! The verbs that are faults: to run, and to plan.

use clap::{Args, Subcommand};

use super::{
    args::How, blackhole::Blackhole, context::Context, corrupt::Corrupt, delay::Delay, dns::Dns, drop::Drop,
    duplicate::Duplicate, fail::Fail, garble::Garble, out::Outcome, partition::Partition, rate::Rate,
    refuse::Refuse, reorder::Reorder, reset::Reset, run,
};
use crate::{error::Error, spec::FaultSpec};

/// The flags of a fault.
pub(super) trait Ask: Args {
    /// What was asked, checked.
    fn spec(&self) -> Result<FaultSpec, Error>;
}

/// A fault, and how to run it.
#[derive(Debug, Args)]
pub(super) struct Run<A: Args> {
    #[command(flatten)]
    ask: A,
    #[command(flatten)]
    how: How,
}

impl<A: Ask> Run<A> {
    fn run(&self, context: &Context) -> Outcome {
        run::run(&self.ask.spec()?, &self.how, context)
    }
}

/// A fault to run.
#[derive(Debug, Subcommand)]
pub(super) enum FaultVerb {
    /// Lose a share of a target's packets.
    Drop(Run<Drop>),
    /// Send a target's packets later.
    Delay(Run<Delay>),
    /// Flip a bit of a target's packets on the wire: the receiver's checksum finds it.
    Corrupt(Run<Corrupt>),
    /// Change a target's payloads and make the checksums right: only the program can find it.
    Garble(Run<Garble>),
    /// Send a target's packets twice.
    Duplicate(Run<Duplicate>),
    /// Send some of a target's packets later, so that those behind overtake them.
    Reorder(Run<Reorder>),
    /// Let no more than so much of a target's traffic through in a second.
    Rate(Run<Rate>),
    /// Lose everything between a target and its peers.
    Partition(Run<Partition>),
    /// Let a target's new TCP connections vanish: their SYNs are lost, and there is no answer.
    Blackhole(Run<Blackhole>),
    /// End a target's TCP connections with forged RSTs to both ends.
    Reset(Run<Reset>),
    /// Refuse a target's new TCP connections: ECONNREFUSED at once.
    Refuse(Run<Refuse>),
    /// Answer a target's questions for names wrongly, late or not at all (UDP to port 53).
    Dns(Run<Dns>),
    /// Make a target's system calls return an error.
    Fail(Run<Fail>),
}

impl FaultVerb {
    /// Runs the verb.
    pub(super) fn run(&self, context: &Context) -> Outcome {
        match self {
            FaultVerb::Drop(run) => run.run(context),
            FaultVerb::Delay(run) => run.run(context),
            FaultVerb::Corrupt(run) => run.run(context),
            FaultVerb::Garble(run) => run.run(context),
            FaultVerb::Duplicate(run) => run.run(context),
            FaultVerb::Reorder(run) => run.run(context),
            FaultVerb::Rate(run) => run.run(context),
            FaultVerb::Partition(run) => run.run(context),
            FaultVerb::Blackhole(run) => run.run(context),
            FaultVerb::Reset(run) => run.run(context),
            FaultVerb::Refuse(run) => run.run(context),
            FaultVerb::Dns(run) => run.run(context),
            FaultVerb::Fail(run) => run.run(context),
        }
    }
}

/// A fault to plan.
#[derive(Debug, Subcommand)]
pub(super) enum FaultAsk {
    /// Lose a share of a target's packets.
    Drop(Drop),
    /// Send a target's packets later.
    Delay(Delay),
    /// Flip a bit of a target's packets on the wire: the receiver's checksum finds it.
    Corrupt(Corrupt),
    /// Change a target's payloads and make the checksums right: only the program can find it.
    Garble(Garble),
    /// Send a target's packets twice.
    Duplicate(Duplicate),
    /// Send some of a target's packets later, so that those behind overtake them.
    Reorder(Reorder),
    /// Let no more than so much of a target's traffic through in a second.
    Rate(Rate),
    /// Lose everything between a target and its peers.
    Partition(Partition),
    /// Let a target's new TCP connections vanish: their SYNs are lost, and there is no answer.
    Blackhole(Blackhole),
    /// End a target's TCP connections with forged RSTs to both ends.
    Reset(Reset),
    /// Refuse a target's new TCP connections: ECONNREFUSED at once.
    Refuse(Refuse),
    /// Answer a target's questions for names wrongly, late or not at all (UDP to port 53).
    Dns(Dns),
    /// Make a target's system calls return an error.
    Fail(Fail),
}

impl FaultAsk {
    /// What was asked, checked.
    pub(super) fn spec(&self) -> Result<FaultSpec, Error> {
        match self {
            FaultAsk::Drop(ask) => ask.spec(),
            FaultAsk::Delay(ask) => ask.spec(),
            FaultAsk::Corrupt(ask) => ask.spec(),
            FaultAsk::Garble(ask) => ask.spec(),
            FaultAsk::Duplicate(ask) => ask.spec(),
            FaultAsk::Reorder(ask) => ask.spec(),
            FaultAsk::Rate(ask) => ask.spec(),
            FaultAsk::Partition(ask) => ask.spec(),
            FaultAsk::Blackhole(ask) => ask.spec(),
            FaultAsk::Reset(ask) => ask.spec(),
            FaultAsk::Refuse(ask) => ask.spec(),
            FaultAsk::Dns(ask) => ask.spec(),
            FaultAsk::Fail(ask) => ask.spec(),
        }
    }
}
