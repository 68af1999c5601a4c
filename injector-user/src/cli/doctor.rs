//! `injector doctor`.

use clap::Args;

use super::{
    context::{Context, block_on},
    local,
    out::{self, Outcome},
    table::Table,
};
use crate::{
    api::{
        self,
        types::{Doc, DoctorDoc, SyscallDoc},
    },
    error::{Error, Kind},
    session,
};

/// Show what this kernel can do, which way, and why not.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Every system call: the rung by which it fails here, what that covers, and why no better one.
    #[arg(long)]
    syscalls: bool,
}

/// Runs the verb: the daemon's answer, or one's own if there is no daemon.
pub(super) fn run(args: &Doctor, context: &Context) -> Outcome {
    let path = if args.syscalls { "/v1/doctor?syscalls=true" } else { "/v1/doctor" };
    let asked: Result<Doc<DoctorDoc>, Error> = block_on(context.client()?.get(path))?;
    let mut doctor = match asked {
        Err(error) if error.kind == Kind::Unreachable => {
            if !context.json {
                out::remark(&format!("{}; looking without it", error.message));
            }
            api::doc("doctor", &session::node(), local::doctor())
        }
        other => other?,
    };
    if !args.syscalls {
        doctor.body.syscalls.clear();
    }
    if context.json {
        return out::document(&doctor);
    }
    out::say(&format!("{} ({})", doctor.node, doctor.body.kernel))?;
    let table = if args.syscalls { calls(doctor.body.syscalls) } else { probes(doctor.body) };
    table.lines().iter().try_for_each(|line| out::say(line))
}

fn probes(doctor: DoctorDoc) -> Table {
    let mut table = Table::new(&["WHAT", "WORKS", "HOW", "WHY"]);
    for probe in doctor.probes {
        let works = if probe.works { "yes" } else { "no" };
        table.row([probe.what, works.to_owned(), probe.how, probe.why]);
    }
    table
}

fn calls(all: Vec<SyscallDoc>) -> Table {
    let mut table = Table::new(&["SYSCALL", "FAMILY", "RUNG", "ALSO", "COVERS", "WHY NO BETTER ONE"]);
    let or = |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or_else(|| "-".to_owned());
    for call in all {
        let also = call.also.join(",");
        table.row([
            call.name,
            or(call.family),
            or(call.rung),
            or(Some(also)),
            or(Some(call.covers)),
            call.why,
        ]);
    }
    table
}
