//! What others have at a hook of an interface, where it can keep packets from our programs.

use anyhow::Result;

use super::error::errno_of;
use super::filter::Filter;
use super::rtnl::Rtnl;
use super::tag::instance_of;
use crate::kernel::query::{TCX_EGRESS, TCX_INGRESS, program_name, programs};
use crate::plan::Side;

/// Our filters' lowest priority: one that comes later is no obstacle.
const OURS_FROM: u16 = 49_000;
/// Beginning of our programs' names.
const OUR_PROGRAMS: &str = "inj_";

impl Rtnl {
    /// What of others' is asked before our clsact filters on this side of link `index`, in words such as `tcx program
    /// cil_from_netdev` and `bpf filter prio 1 (calico)`: in the order in which the kernel asks them. Any of them may
    /// let a packet pass, or drop it, without our filters being asked. None if the link is gone or the kernel has no tcx
    /// or no clsact there.
    ///
    /// # Errors
    /// The filters or programs could not be listed.
    pub fn foreign(&mut self, index: u32, side: Side) -> Result<Vec<String>> {
        // The kernel takes an ifindex for one of the namespace of whoever asks.
        let ns = self.ns.clone();
        let mut found = ns.run(|| tcx(index, side))?;
        let mut filters = self.filters(index, side)?;
        filters.retain(is_in_the_way);
        filters.sort_by_key(|filter| filter.prio);
        found.extend(filters.iter().map(words));
        Ok(found)
    }
}

/// Foreign tcx programs. A kernel before 6.6 has none and says EINVAL, ENODEV is of a link that is gone.
fn tcx(index: u32, side: Side) -> Result<Vec<String>> {
    let hook = match side {
        Side::Egress => TCX_EGRESS,
        Side::Ingress => TCX_INGRESS,
    };
    let ids = match programs(index, hook) {
        Err(error) if matches!(errno_of(&error), Some(libc::EINVAL | libc::ENODEV)) => Vec::new(),
        other => other?,
    };
    // One that cannot be looked up went meanwhile.
    let names = ids.into_iter().filter_map(|id| Some((id, program_name(id).ok()?)));
    Ok(names.filter(|(_, name)| !name.starts_with(OUR_PROGRAMS)).map(tcx_words).collect())
}

fn tcx_words((id, name): (u32, String)) -> String {
    if name.is_empty() { format!("tcx program {id}") } else { format!("tcx program {name}") }
}

/// Filters of other instances of ours have our priorities.
fn is_in_the_way(filter: &Filter) -> bool {
    filter.prio < OURS_FROM && filter.name.as_deref().and_then(instance_of).is_none()
}

fn words(filter: &Filter) -> String {
    let name = filter.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("{} filter prio {}{name}", filter.kind, filter.prio)
}

#[cfg(test)]
mod unit {
    use super::*;

    fn filter(prio: u16, kind: &str, name: Option<&str>) -> Filter {
        Filter { prio, handle: 1, kind: kind.into(), name: name.map(str::to_owned), prog_id: None }
    }

    #[test]
    fn ours_and_what_comes_later_is_not_in_the_way() {
        assert!(is_in_the_way(&filter(1, "bpf", Some("calico"))));
        assert!(is_in_the_way(&filter(48_999, "u32", None)));
        assert!(!is_in_the_way(&filter(49_000, "u32", None)));
        assert!(!is_in_the_way(&filter(1, "bpf", Some("injector:0a1b2c3d:drop"))));
        assert_eq!(words(&filter(1, "bpf", Some("calico"))), "bpf filter prio 1 (calico)");
        assert_eq!(words(&filter(2, "flower", None)), "flower filter prio 2");
        assert_eq!(tcx_words((7, "cil_from_netdev".into())), "tcx program cil_from_netdev");
        assert_eq!(tcx_words((7, String::new())), "tcx program 7");
    }
}
