//! The metrics page: a new registry for every scrape, from raw input, so that nothing can be stale.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{
    dependencies, dependency_kinds, ended::REASONS, families::Families, faults, own, owners, saturation,
    shown::Series,
};
use crate::api::types::{FaultDoc, LostDoc, OwnDoc, OwnerDoc, SaturationDoc};

/// Everything that is shown.
#[derive(Clone, Debug)]
pub struct MetricsInput {
    /// The node's host name.
    pub node: String,
    /// Kernel release.
    pub kernel: String,
    /// Armed faults first, then those that ended, newest first.
    pub faults: Vec<FaultDoc>,
    /// How many faults ended since the daemon started, by reason.
    pub ended: BTreeMap<&'static str, u64>,
    /// The node is halted.
    pub halted: bool,
    /// SHA-256 of the limits file, and the node's mode.
    pub limits: (String, String),
    /// Nothing can be armed for another reason.
    pub disarmed: bool,
    /// The series of the dependencies.
    pub dependencies: Vec<Series>,
    /// Who their cgroups are.
    pub owners: Vec<OwnerDoc>,
    /// What observation lost.
    pub lost: LostDoc,
    /// What the daemon costs.
    pub own: OwnDoc,
    /// How full things are, if that is read.
    pub saturation: Option<SaturationDoc>,
}

/// The page in the text exposition format.
///
/// # Errors
/// A metric has a name or labels that Prometheus does not allow: a mistake in this program.
pub fn render(input: &MetricsInput) -> Result<String> {
    let page = Families::default();
    daemon(&page, input)?;
    faults::add(&page, &input.faults)?;
    dependencies::add(&page, &input.dependencies)?;
    dependency_kinds::add(&page, &input.dependencies)?;
    owners::add(&page, &input.owners, &input.dependencies)?;
    own::add(&page, &input.own)?;
    lost(&page, &input.lost)?;
    input.saturation.iter().try_for_each(|full| saturation::add(&page, full))?;
    page.text()
}

fn daemon(page: &Families, input: &MetricsInput) -> Result<()> {
    let flag = |on: bool| f64::from(u8::from(on));
    page.gauge(
        "injector_daemon_build_info",
        "Always 1; what is running, and where.",
        &["version", "node", "kernel"],
    )?
    .with_label_values(&[env!("CARGO_PKG_VERSION"), &input.node, &input.kernel])
    .set(1.0);
    page.gauge("injector_halted", "1 while the node is halted: nothing acts and nothing can be armed.", &[])?
        .with_label_values::<&str>(&[])
        .set(flag(input.halted));
    page.gauge("injector_disarmed", "1 while nothing can be armed for another reason than a halt.", &[])?
        .with_label_values::<&str>(&[])
        .set(flag(input.disarmed));
    page.gauge(
        "injector_limits_info",
        "Always 1; the limits file that is loaded (empty: built in), and the node's mode.",
        &["sha256", "mode"],
    )?
    .with_label_values(&[&input.limits.0, &input.limits.1])
    .set(1.0);
    let ended = page.counter("injector_faults_ended_total", "Faults that ended, by reason.", &["reason"])?;
    for reason in REASONS {
        let n = input.ended.get(reason).copied().unwrap_or_default();
        ended.with_label_values(&[reason]).inc_by(n);
    }
    Ok(())
}

fn lost(page: &Families, lost: &LostDoc) -> Result<()> {
    let family = page.counter("injector_lost_total", "What observation could not see.", &["what"])?;
    for (what, n) in [
        ("flows_refused", lost.flows_refused),
        ("flows_no_memory", lost.flows_no_memory),
        ("dependencies_full", lost.dependencies_full),
        ("bad_samples", lost.bad_samples),
        ("samples_no_memory", lost.samples_no_memory),
        ("cgroups_full", lost.cgroups_full),
        ("unattributed", lost.unattributed),
        ("unparsed", lost.unparsed),
        ("events", lost.events),
    ] {
        family.with_label_values(&[what]).inc_by(n);
    }
    Ok(())
}
