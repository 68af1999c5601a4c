//! Metrics of what injector itself costs. The process has the names that every Prometheus client gives it.

use anyhow::Result;

use super::families::Families;
use crate::api::types::OwnDoc;

/// The process, and what it holds in the kernel.
pub(super) fn add(page: &Families, own: &OwnDoc) -> Result<()> {
    page.seconds("process_cpu_seconds_total", "Processor time of the daemon.", &[])?
        .with_label_values::<&str>(&[])
        .inc_by(own.cpu_seconds);
    let gauges = [
        ("process_resident_memory_bytes", "Resident memory of the daemon.", own.rss_bytes as f64),
        (
            "injector_maps_memory_bytes",
            "Kernel memory of the daemon's maps; what lives with sockets is not in it.",
            own.maps_bytes as f64,
        ),
        ("injector_maps", "Maps that the daemon holds.", own.maps as f64),
        (
            "injector_programs_memory_bytes",
            "Kernel memory of the daemon's programs.",
            own.programs_bytes as f64,
        ),
        ("injector_programs", "Programs that the daemon has loaded.", own.programs as f64),
    ];
    for (name, help, value) in gauges {
        page.gauge(name, help, &[])?.with_label_values::<&str>(&[]).set(value);
    }
    let counters = [
        (
            "injector_programs_missed_total",
            "Runs of programs that the kernel left out: the program was running on that CPU already.",
            own.missed,
        ),
        ("injector_clock_backwards_total", "Steps of the wall clock back in time.", own.clock_backwards),
    ];
    for (name, help, value) in counters {
        page.counter(name, help, &[])?.with_label_values::<&str>(&[]).inc_by(value);
    }
    Ok(())
}
