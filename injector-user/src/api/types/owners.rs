//! Who is behind the cgroups of a document.

use serde::{Deserialize, Serialize};

/// Processes of one name.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct ProgramDoc {
    /// As the kernel has it (`comm`): at most 15 bytes.
    pub name: String,
    /// How many processes have it.
    pub processes: u64,
}

/// What people call a cgroup, and what runs in it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
pub struct OwnerDoc {
    /// Its path, as in the rows.
    pub cgroup: String,
    /// The systemd unit, of what is in no container: `nginx.service`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<String>,
    /// The container's name, if a runtime of this host tells it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub container: Option<String>,
    /// The container's whole id; what `ctr` made has its name here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub container_id: Option<String>,
    /// The namespace of the Kubernetes pod.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub namespace: Option<String>,
    /// The pod's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pod: Option<String>,
    /// The path below the container's, or the pod's, own cgroup; absent for that itself.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub inside: String,
    /// The programs that run in exactly this cgroup, those with the most processes first: 16 at most.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub programs: Vec<ProgramDoc>,
    /// Processes that are not among them.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub other_processes: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
