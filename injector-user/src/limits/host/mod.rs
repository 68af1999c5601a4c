//! In which state the host must be for faults: before one is armed, and while it is.

mod facts;
mod pressure;

use super::check::Ledger;
use super::{Consulted, Limits};
use crate::error::Error;
use crate::spec::Percent;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::path::PathBuf;

pub use facts::HostFacts;

/// The `host` section; without a key, nothing is asked of the host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HostLimits {
    /// The highest load (average of a minute) for each CPU that is online; more than 0.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "positive")]
    #[schemars(schema_with = "super::schema::optional_positive")]
    pub max_load_per_cpu: Option<f64>,
    /// The highest `some avg10` of /proc/pressure/cpu.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::optional_percent")]
    pub max_cpu_pressure: Option<Percent>,
    /// The highest `some avg10` of /proc/pressure/memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::optional_percent")]
    pub max_memory_pressure: Option<Percent>,
    /// The highest `some avg10` of /proc/pressure/io.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::optional_percent")]
    pub max_io_pressure: Option<Percent>,
    /// The least share of memory that is available (MemAvailable of /proc/meminfo).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::optional_percent")]
    pub min_free_memory: Option<Percent>,
    /// The least share of each file system of `disks` that is free.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::optional_percent")]
    pub min_free_disk: Option<Percent>,
    /// Which file systems, by a path on them. None: the one of the daemon's state directory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<PathBuf>,
}

impl HostLimits {
    pub(super) fn validate(&self) -> Result<(), Error> {
        if let Some(load) = self.max_load_per_cpu {
            above_zero(load)?;
        }
        for (index, disk) in self.disks.iter().enumerate() {
            if !disk.is_absolute() {
                let shown = disk.display();
                return Err(Error::usage(format!("host.disks: `{shown}` is not an absolute path"))
                    .hint("write a path such as /var/lib")
                    .limit(&format!("host.disks.{index}"), shown, "a path that begins with /"));
            }
        }
        Ok(())
    }
}

fn above_zero(load: f64) -> Result<(), Error> {
    if load.is_finite() && load > 0.0 {
        return Ok(());
    }
    Err(Error::usage(format!("host.max_load_per_cpu is {load}"))
        .hint("write a number above 0, such as 1.5")
        .limit("host.max_load_per_cpu", load, "more than 0"))
}

/// Refuses it while it is read: a `.nan` is not found again by its place.
fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let load = Option::<f64>::deserialize(deserializer)?;
    load.map_or(Ok(()), above_zero).map_err(serde::de::Error::custom)?;
    Ok(load)
}

/// Whether the host is in a state in which faults may live. To be asked before arming, and every second while
/// something is armed. A condition that is set and could not be read refuses.
///
/// # Errors
/// Refused by the first condition that does not hold (`host.max_load_per_cpu`, ...): what was measured, what is
/// allowed.
pub fn host_verdict(limits: &Limits, facts: &HostFacts) -> Result<Vec<Consulted>, Error> {
    let (host, mut ledger) = (&limits.host, Ledger::default());
    if let Some(most) = host.max_load_per_cpu {
        judge(
            &mut ledger,
            "host.max_load_per_cpu",
            "load per CPU",
            facts.load_per_cpu,
            Bound::Most(most),
            "",
        )?;
    }
    for (limit, what, measured, most) in [
        ("host.max_cpu_pressure", "CPU pressure", facts.cpu_pressure, host.max_cpu_pressure),
        ("host.max_memory_pressure", "memory pressure", facts.memory_pressure, host.max_memory_pressure),
        ("host.max_io_pressure", "I/O pressure", facts.io_pressure, host.max_io_pressure),
    ] {
        if let Some(most) = most {
            judge(&mut ledger, limit, what, measured, Bound::Most(most.as_f64()), "%")?;
        }
    }
    if let Some(least) = host.min_free_memory {
        let least = Bound::Least(least.as_f64());
        judge(&mut ledger, "host.min_free_memory", "free memory", facts.free_memory, least, "%")?;
    }
    if let Some(least) = host.min_free_disk {
        let (limit, least) = ("host.min_free_disk", Bound::Least(least.as_f64()));
        if facts.free_disk.is_empty() {
            judge(&mut ledger, limit, "free disk space", None, least, "%")?;
        }
        for (path, free) in &facts.free_disk {
            judge(&mut ledger, limit, &format!("free disk space of {}", path.display()), *free, least, "%")?;
        }
    }
    Ok(ledger.consulted)
}

#[derive(Clone, Copy)]
enum Bound {
    Most(f64),
    Least(f64),
}

fn judge(
    ledger: &mut Ledger,
    limit: &'static str,
    what: &str,
    measured: Option<f64>,
    bound: Bound,
    unit: &str,
) -> Result<(), Error> {
    let allowed = match bound {
        Bound::Most(most) => format!("at most {most}{unit}"),
        Bound::Least(least) => format!("at least {least}{unit}"),
    };
    let Some(measured) = measured else {
        return Err(Error::refused(format!("the host's {what} can't be read, and {limit} asks for it"))
            .hint("see what is missing in /proc, or leave the key out of the limits file")
            .limit(limit, "not known", allowed));
    };
    let asked = format!("{what} {measured:.2}{unit}");
    let holds = match bound {
        Bound::Most(most) => measured <= most,
        Bound::Least(least) => measured >= least,
    };
    if !holds {
        return Err(Error::refused(format!("the host's {asked} is not within {limit}: {allowed}"))
            .hint("ask again when the host is better")
            .limit(limit, asked, allowed));
    }
    ledger.passed(limit, asked, allowed);
    Ok(())
}
