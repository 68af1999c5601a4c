//! The table that `--help`, man pages and completions come from.
//!
//! Values are plain text here: the types of `spec` read them, so that a wrong one gets their answer.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::{
    arm, audit, deps, doctor, events, faults::FaultVerb, flows, halt, limits, plan, profile, report,
    saturation, status, stop, top,
};

/// Makes the network and the kernel fail, on purpose, for selected cgroups and for nothing else.
#[derive(Debug, Parser)]
#[command(name = "injector", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(subcommand_required = true, arg_required_else_help = false)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 daemon not reachable (never for halt), 4 refused, \
                        5 ended early, 6 acted on nothing, 130 interrupted."
)]
pub(super) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(super) verb: Verb,
    /// Print JSON documents; an error is JSON on stderr.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// The daemon's socket [default: the configuration's, /run/injector/injector.sock].
    #[arg(long, global = true, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
    /// The configuration [default: /etc/injector/config.yaml].
    #[arg(long, global = true, value_name = "PATH")]
    pub(super) config: Option<PathBuf>,
}

/// One verb, one file.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run the daemon (root).
    Daemon,
    /// Show what this kernel can do, which way, and why not.
    Doctor(doctor::Doctor),
    #[command(flatten)]
    Fault(FaultVerb),
    /// Show what a fault would do; nothing is touched.
    Plan(plan::Plan),
    /// Run several faults as one: kinds of networks, and your own.
    Profile(profile::Profiles),
    /// Show the node's faults, or one of them.
    Status(status::Status),
    /// Write a report of one fault: before, during and after, what was asked and what came of it.
    Report(report::Report),
    /// End a fault; returns when nothing of it is left.
    Stop(stop::Stop),
    /// Stop everything at once, with or without a daemon; nothing can be armed until it is lifted.
    Halt(halt::Halt),
    /// Remove what a daemon that is gone left in the kernel (root).
    Clean,
    /// Make a shadow fault real, or arm what a second person has approved.
    Arm(arm::Which),
    /// Agree to somebody else's fault that exceeds a soft limit.
    Approve(arm::Which),
    /// Show the node's limits, read them again, or check a file.
    Limits(limits::Limits),
    /// Show what shadow faults would have done on this node: one page for its owner.
    Certificate,
    /// Show flows: packets, retransmits, RTT and injected faults per peer.
    Flows(flows::Flows),
    /// Watch latency, traffic, errors and saturation, and the faults that are there, on a terminal.
    Top(top::Top),
    /// Show dependencies: each kind of latency, errors, and drops by reason.
    Deps(deps::Deps),
    /// Show how full things are, and what runs over: pressure, CPU, memory, descriptors, ports, queues, buffers, pools.
    Saturation(saturation::Saturation),
    /// Show the calls that were failed, one by one.
    Events(events::Events),
    /// Check or show the record of all decisions (root).
    Audit(audit::Audit),
}

/// How to run a fault.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Print the ID and return: the fault lives on until its time is over or it is stopped.
    #[arg(long)]
    pub(super) detach: bool,
    /// Show what it would do (same as `injector plan`); nothing is touched.
    #[arg(long, conflicts_with = "detach")]
    pub(super) dry_run: bool,
}
