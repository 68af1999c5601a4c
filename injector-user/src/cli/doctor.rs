//! `injector doctor`.

use super::{
    context::{Context, block_on},
    local,
    out::{self, Outcome},
    table::Table,
};
use crate::{
    api::{
        self,
        types::{Doc, DoctorDoc},
    },
    error::{Error, Kind},
    session,
};

/// Runs the verb: the daemon's answer, or one's own if there is no daemon.
pub(super) fn run(context: &Context) -> Outcome {
    let asked: Result<Doc<DoctorDoc>, Error> = block_on(context.client()?.get("/v1/doctor"))?;
    let doctor = match asked {
        Err(error) if error.kind == Kind::Unreachable => {
            if !context.json {
                out::remark(&format!("{}; looking without it", error.message));
            }
            api::doc("doctor", &session::node(), local::doctor())
        }
        other => other?,
    };
    if context.json {
        return out::document(&doctor);
    }
    out::say(&format!("{} ({})", doctor.node, doctor.body.kernel))?;
    let mut table = Table::new(&["WHAT", "WORKS", "HOW", "WHY"]);
    for probe in doctor.body.probes {
        let works = if probe.works { "yes" } else { "no" };
        table.row([probe.what, works.to_owned(), probe.how, probe.why]);
    }
    table.lines().iter().try_for_each(|line| out::say(line))
}
