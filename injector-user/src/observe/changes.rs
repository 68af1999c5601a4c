//! The difference of two looks at flows, or at dependencies: complete, so that whoever missed some in between has them in it.

use std::collections::BTreeMap;

use crate::api::types::{
    CgroupName, CgroupRttDoc, DependencyDoc, DependencyName, DepsChangesDoc, DepsDoc, FlowDoc, FlowName,
    FlowsChangesDoc, FlowsDoc, ListenerDoc, ListenerName, Numbered, OwnerDoc, RowsDoc,
};

/// What turns `before` into `now`; `missed` looks lay between.
pub fn changes(before: &FlowsDoc, now: &FlowsDoc, missed: u64) -> FlowsChangesDoc {
    FlowsChangesDoc {
        at: now.at.clone(),
        missed,
        window: now.window,
        watched: (before.watched != now.watched).then(|| now.watched.clone()),
        flows: rows(&before.flows, &now.flows),
        cgroups: rows(&before.cgroups, &now.cgroups),
        dependencies: rows(&before.dependencies, &now.dependencies),
        listeners: rows(&before.listeners, &now.listeners),
        owners: rows(&before.owners, &now.owners),
        lost: (before.lost != now.lost).then_some(now.lost),
        kinds_lost: (before.kinds_lost != now.kinds_lost).then(|| now.kinds_lost.clone()),
    }
}

/// The same of dependencies.
pub fn deps_changes(before: &DepsDoc, now: &DepsDoc, missed: u64) -> DepsChangesDoc {
    DepsChangesDoc {
        at: now.at.clone(),
        missed,
        window: now.window,
        watched: (before.watched != now.watched).then(|| now.watched.clone()),
        dependencies: rows(&before.dependencies, &now.dependencies),
        owners: rows(&before.owners, &now.owners),
        kinds_lost: (before.kinds_lost != now.kinds_lost).then(|| now.kinds_lost.clone()),
    }
}

/// A row of a table, which has a name.
trait Row: Clone + PartialEq {
    type Name: Ord + Clone;
    fn name(&self) -> Self::Name;
}

fn rows<R: Row>(before: &[R], now: &[R]) -> RowsDoc<R, R::Name> {
    let (old, new) = (numbered(before), numbered(now));
    let changed = new.iter().filter(|(name, row)| old.get(name) != Some(row));
    RowsDoc {
        changed: changed.map(|(name, row)| Numbered { what: (*row).clone(), nth: name.nth }).collect(),
        gone: old.keys().filter(|name| !new.contains_key(name)).cloned().collect(),
    }
}

fn numbered<R: Row>(rows: &[R]) -> BTreeMap<Numbered<R::Name>, &R> {
    let mut seen: BTreeMap<R::Name, u64> = BTreeMap::new();
    let number = |row| {
        let row: &R = row;
        let next = seen.entry(row.name()).or_insert(0);
        *next += 1;
        (Numbered { what: row.name(), nth: *next - 1 }, row)
    };
    rows.iter().map(number).collect()
}

impl Row for FlowDoc {
    type Name = FlowName;

    fn name(&self) -> FlowName {
        FlowName {
            cgroup: self.cgroup.clone(),
            protocol: self.protocol.clone(),
            local: self.local.clone(),
            remote: self.remote.clone(),
        }
    }
}

impl Row for CgroupRttDoc {
    type Name = CgroupName;

    fn name(&self) -> CgroupName {
        CgroupName { cgroup: self.cgroup.clone() }
    }
}

impl Row for OwnerDoc {
    type Name = CgroupName;

    fn name(&self) -> CgroupName {
        CgroupName { cgroup: self.cgroup.clone() }
    }
}

impl Row for DependencyDoc {
    type Name = DependencyName;

    fn name(&self) -> DependencyName {
        DependencyName {
            cgroup: self.cgroup.clone(),
            side: self.side.clone(),
            protocol: self.protocol.clone(),
            service: self.service.clone(),
        }
    }
}

impl Row for ListenerDoc {
    type Name = ListenerName;

    fn name(&self) -> ListenerName {
        ListenerName { cgroup: self.cgroup.clone(), local: self.local.clone() }
    }
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
