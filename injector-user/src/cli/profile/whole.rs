//! A profile as a whole: planned fault by fault before the first one is started, so that a refused one finds nothing
//! that has acted already.

use crate::{
    api::{
        Client,
        types::{Doc, FaultDoc, PlanDoc, State, StatusDoc},
    },
    error::Error,
    limits::MOST_FAULTS,
    spec::FaultSpec,
};

/// Limits on a number of faults. Each plan counts its own fault only.
const COUNTED: [&str; 2] = ["max_faults", "max_faults_per_hour"];

/// Plans all of them; `seen` is given each plan as it comes.
///
/// # Errors
/// One of them is refused or needs a second person, all of them are too many, a name is taken, or `seen` fails.
pub(super) async fn check<E: From<Error>>(
    specs: &[FaultSpec],
    client: &Client,
    mut seen: impl FnMut(&Doc<PlanDoc>) -> Result<(), E>,
) -> Result<(), E> {
    let mut plans = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let plan: Doc<PlanDoc> = client.post("/v1/plan", spec).await.map_err(|error| Error {
            message: format!("{}: {}", which(specs, index), error.message),
            ..error
        })?;
        seen(&plan)?;
        plans.push(plan.body);
    }
    // What is known of approvals and numbers is told after all plans have been seen.
    for (index, plan) in plans.iter().enumerate() {
        approved(plan, || which(specs, index))?;
    }
    if let Some(plan) = plans.first() {
        together(plan, specs.len())?;
    }
    let status: Doc<StatusDoc> = client.get("/v1/status").await?;
    room(&status.body, specs)?;
    Ok(())
}

/// `fault 2 of 3 (delay)`
fn which(specs: &[FaultSpec], index: usize) -> String {
    let verb = specs.get(index).map(|spec| spec.fault.verb()).unwrap_or_default();
    format!("fault {} of {} ({verb})", index + 1, specs.len())
}

/// A request that waits for a second person is not a fault that has begun: the others would act without it.
fn approved(plan: &PlanDoc, which: impl Fn() -> String) -> Result<(), Error> {
    match plan.needs_approval.first() {
        Some(soft) if !plan.spec.shadow => Err(Error::refused(format!(
            "{} needs a second person's approval: {} is {}, up to {} without",
            which(),
            soft.limit,
            soft.asked,
            soft.allowed
        ))
        .hint("a profile is started whole or not at all: injector profile show NAME prints its faults, to be started one by one")
        .limit("soft", &soft.asked, &soft.allowed)),
        _ => Ok(()),
    }
}

/// The first plan says how many there would be with one more.
fn together(first: &PlanDoc, faults: usize) -> Result<(), Error> {
    for limit in first.limits.iter().filter(|limit| COUNTED.contains(&limit.limit.as_str())) {
        let (Ok(one), Ok(allowed)) = (limit.asked.parse::<usize>(), limit.allowed.parse::<usize>()) else {
            continue;
        };
        let all = (one + faults).saturating_sub(1);
        if all > allowed {
            return Err(Error::refused(format!(
                "its {faults} faults would make {all}, over this node's {} of {allowed}",
                limit.limit
            ))
            .hint("injector status lists those that there are; each fault of a profile counts")
            .limit(&limit.limit, all, allowed));
        }
    }
    Ok(())
}

/// A place for each in the kernel, also beside those that are draining, and a name that nothing else has.
fn room(status: &StatusDoc, specs: &[FaultSpec]) -> Result<(), Error> {
    let there: Vec<&FaultDoc> = status.faults.iter().filter(|fault| fault.state != State::Ended).collect();
    let (all, most) = (there.len() + specs.len(), MOST_FAULTS as usize);
    if all > most {
        return Err(Error::refused(format!(
            "{} faults are armed or draining, and its {} would make {all} of at most {most}",
            there.len(),
            specs.len()
        ))
        .hint("stop one first: injector status lists them"));
    }
    for name in specs.iter().filter_map(|spec| spec.name.as_ref()) {
        let taken = there.iter().map(|fault| &fault.id).chain(status.pending.iter().map(|one| &one.id));
        if taken.into_iter().any(|id| id == name.as_str()) {
            return Err(Error::usage(format!("something named {} is there already", name.as_str()))
                .hint("take another --name: injector status lists those that there are"));
        }
    }
    Ok(())
}
