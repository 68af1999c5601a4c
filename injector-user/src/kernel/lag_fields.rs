//! The fields that say whose a request to a block device is, and whose a task. A kernel may lack the io controller: then
//! a request is whose task asks for it.

use anyhow::{Context as _, Result};
use injector_ebpf::names::offsets;

use super::btf::Btf;

/// The programs' variable, and the structure and the field in it whose offset it has. Every kernel has these.
const FIELDS: [(&str, &str, &str); 8] = [
    (offsets::TASK_CGROUPS, "task_struct", "cgroups"),
    (offsets::CSS_SET_DFL, "css_set", "dfl_cgrp"),
    (offsets::TASK_PID, "task_struct", "pid"),
    (offsets::TASK_ON_CPU, "task_struct", "on_cpu"),
    (offsets::CGROUP_ROOT, "cgroup", "root"),
    (offsets::RQ_BIO, "request", "bio"),
    (offsets::RQ_FLAGS, "request", "cmd_flags"),
    (offsets::RQ_LEN, "request", "__data_len"),
];

/// The io controller's.
const IO_FIELDS: [(&str, &str, &str); 3] = [
    (offsets::BIO_BLKG, "bio", "bi_blkg"),
    (offsets::BLKG_BLKCG, "blkcg_gq", "blkcg"),
    (offsets::BLKCG_CGROUP, "blkcg", "css.cgroup"),
];

/// The value of each variable in this kernel, in bytes.
///
/// # Errors
/// The kernel lacks a structure or a field: one of [`FIELDS`], for without the io controller there is nothing to look at.
pub fn lag_offsets(kernel: &Btf) -> Result<Vec<(&'static str, u32)>> {
    let of = |(global, name, path): (&'static str, &str, &str)| Ok((global, kernel.offset(name, path)?));
    let mut all = FIELDS.into_iter().map(of).collect::<Result<Vec<_>>>()?;
    if let Ok(io) = io_offsets(kernel) {
        all.extend(io);
        all.push((offsets::HAS_IO_CGROUPS, 1));
    }
    Ok(all)
}

fn io_offsets(kernel: &Btf) -> Result<Vec<(&'static str, u32)>> {
    let of = |(global, name, path): (&'static str, &str, &str)| Ok((global, kernel.offset(name, path)?));
    let mut all = IO_FIELDS.into_iter().map(of).collect::<Result<Vec<_>>>()?;
    let controllers = kernel.names_of("cgroup_subsys_id")?;
    let io = controllers.iter().find(|(_, name)| *name == "io_cgrp_id").context("no io controller")?;
    // A pointer for each controller.
    all.push((offsets::CSS_SET_IO, kernel.offset("css_set", "subsys")? + io.0 * 8));
    Ok(all)
}
