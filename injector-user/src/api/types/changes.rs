//! What has changed between two looks at flows: what `injector flows --watch --json` and `injector deps --watch --json` print after
//! their first line.

use serde::{Deserialize, Serialize};

use super::{CgroupRttDoc, DependencyDoc, FlowDoc, KindsLostDoc, LatelyDoc, ListenerDoc, LostDoc, OwnerDoc};

/// A row, or the name of one, among others of that name.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct Numbered<T> {
    /// Its fields, in the same JSON object.
    #[serde(flatten)]
    pub what: T,
    /// Sockets can have the same addresses (SO_REUSEPORT, network namespaces): the second one of a name is 1.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub nth: u64,
}

/// Rows of one table that are not as they were.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct RowsDoc<Row, Name> {
    /// New rows, and those with another number in them: whole.
    pub changed: Vec<Numbered<Row>>,
    /// Those that are not there any more, by name.
    pub gone: Vec<Numbered<Name>>,
}

impl<Row, Name> Default for RowsDoc<Row, Name> {
    fn default() -> Self {
        Self { changed: Vec::new(), gone: Vec::new() }
    }
}

/// What a flow is told from others by.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowName {
    /// As in [`FlowDoc`].
    pub cgroup: String,
    /// As in [`FlowDoc`].
    pub protocol: String,
    /// As in [`FlowDoc`].
    pub local: String,
    /// As in [`FlowDoc`].
    pub remote: String,
}

/// What a cgroup is told from others by.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct CgroupName {
    /// As in [`CgroupRttDoc`].
    pub cgroup: String,
}

/// What a dependency is told from others by.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct DependencyName {
    /// As in [`DependencyDoc`].
    pub cgroup: String,
    /// As in [`DependencyDoc`].
    pub side: String,
    /// As in [`DependencyDoc`].
    pub protocol: String,
    /// As in [`DependencyDoc`].
    pub service: String,
}

/// What a listener is told from others by.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListenerName {
    /// As in [`ListenerDoc`].
    pub cgroup: String,
    /// As in [`ListenerDoc`].
    pub local: String,
}

/// `injector.flows-changes/1`: applied to what the lines before gave, it is `injector.flows/1` of its moment.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct FlowsChangesDoc {
    /// RFC 3339.
    pub at: String,
    /// Looks since the line before that have no line of their own, because the reader was not ready. What they
    /// showed and what still holds is in this line.
    pub missed: u64,
    /// What each `recent` is of, also in the rows that have not changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub window: Option<LatelyDoc>,
    /// cgroups that are watched, if that has changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub watched: Option<Vec<String>>,
    /// Open flows.
    pub flows: RowsDoc<FlowDoc, FlowName>,
    /// Round trips by cgroup.
    pub cgroups: RowsDoc<CgroupRttDoc, CgroupName>,
    /// Sums.
    pub dependencies: RowsDoc<DependencyDoc, DependencyName>,
    /// Listeners.
    pub listeners: RowsDoc<ListenerDoc, ListenerName>,
    /// Who is behind the cgroups.
    #[serde(default)]
    pub owners: RowsDoc<OwnerDoc, CgroupName>,
    /// What is missing, if that has changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lost: Option<LostDoc>,
    /// What is missing of latencies, errors and drops by kind, if that has changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kinds_lost: Option<KindsLostDoc>,
}

/// `injector.deps-changes/1`: the same of `injector.deps/1`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct DepsChangesDoc {
    /// RFC 3339.
    pub at: String,
    /// As in [`FlowsChangesDoc`].
    pub missed: u64,
    /// What each `recent` is of, also in the rows that have not changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub window: Option<LatelyDoc>,
    /// cgroups that are watched, if that has changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub watched: Option<Vec<String>>,
    /// Sums.
    pub dependencies: RowsDoc<DependencyDoc, DependencyName>,
    /// Who is behind the cgroups.
    #[serde(default)]
    pub owners: RowsDoc<OwnerDoc, CgroupName>,
    /// What is missing, if that has changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kinds_lost: Option<KindsLostDoc>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
