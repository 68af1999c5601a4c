//! What the limits are.

use super::{Budgets, HostLimits, Identity, Mode, Protect, Requirement, Right, Roles, Soft, When};
use crate::error::Error;
use crate::spec::{AbortCondition, Bytes, Percent, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long a fault lives that does not say: 30 s, or `max_ttl` if that is less (DESIGN.md 4.3).
pub const DEFAULT_TTL: Span = Span::from_secs(30);

/// The most faults at once that the kernel programs have room for.
pub const MOST_FAULTS: u32 = 16;

/// The node's blast-radius policy. No request exceeds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Whether faults may be armed at all: observe, shadow or armed. observe.
    pub mode: Mode,
    /// The longest that a fault lives; more than 0. 5 min.
    #[schemars(schema_with = "super::schema::span")]
    pub max_ttl: Span,
    /// The highest share of packets or calls. 20 %.
    #[schemars(schema_with = "super::schema::percent")]
    pub max_percent: Percent,
    /// The longest delay of one packet, jitter included. 2 s.
    #[schemars(schema_with = "super::schema::span")]
    pub max_delay: Span,
    /// The most kernel memory that the packets which one fault holds back may occupy. 64MiB.
    #[schemars(schema_with = "super::schema::bytes")]
    pub delay_memory: Bytes,
    /// The most faults armed at once on the node, 1 to 16. 4.
    #[schemars(range(min = 1, max = 16))]
    pub max_faults: u32,
    /// The most targets of one fault, 1 or more. 16.
    #[schemars(range(min = 1))]
    pub max_targets: u32,
    /// The most cgroups that one fault touches, 1 or more. 256.
    #[schemars(range(min = 1))]
    pub max_cgroups: u32,
    /// The most processes that one fault touches when it is armed, 1 or more. 4096.
    #[schemars(range(min = 1))]
    pub max_processes: u32,
    /// The highest share of the node's cgroups that one fault touches. 100 %: not limited.
    #[schemars(schema_with = "super::schema::percent")]
    pub max_cgroup_share: Percent,
    /// The highest share that the targets have of the node's traffic, of the last minute. 100 %: not limited.
    #[schemars(schema_with = "super::schema::percent")]
    pub max_traffic_share: Percent,
    /// The most faults that are started in any hour, 1 or more. 60.
    #[schemars(range(min = 1))]
    pub max_faults_per_hour: u32,
    /// From the end of a fault to the beginning of the next one. 0 s.
    #[schemars(schema_with = "super::schema::span")]
    pub cooldown: Span,
    /// How much faults may do, in the kernel's own count.
    pub budget: Budgets,
    /// What is protected beside what always is.
    #[schemars(schema_with = "super::schema::protect")]
    pub protect: Vec<Protect>,
    /// When faults are allowed. Without it: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// In which state the host must be, before and while a fault is armed.
    pub host: HostLimits,
    /// Who may do what. Without it: root everything, and who can connect everything but `admin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Roles>,
    /// Above this a second person must approve.
    pub soft: Soft,
    /// What every request must say.
    pub require: Vec<Requirement>,
    /// Every fault ends when one of these comes true.
    #[schemars(schema_with = "super::schema::abort")]
    pub abort: Vec<AbortCondition>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            mode: Mode::Observe,
            max_ttl: Span::from_secs(300),
            max_percent: Percent::whole(20),
            max_delay: Span::from_secs(2),
            delay_memory: Bytes::mebibytes(64),
            max_faults: 4,
            max_targets: 16,
            max_cgroups: 256,
            max_processes: 4096,
            max_cgroup_share: Percent::ALL,
            max_traffic_share: Percent::ALL,
            max_faults_per_hour: 60,
            cooldown: Span::from_secs(0),
            budget: Budgets::default(),
            protect: Vec::new(),
            when: None,
            host: HostLimits::default(),
            roles: None,
            soft: Soft::default(),
            require: Vec::new(),
            abort: Vec::new(),
        }
    }
}

impl Limits {
    /// Whether `who`, who could connect to the socket, has `right`: by the `roles` section, or without one root has
    /// every right and everybody else `inject` (with all that it implies) and not `admin`.
    ///
    /// # Errors
    /// Refused by limit `roles`: who asked for which right, and which role has it.
    pub fn allows(&self, who: &Identity, right: Right) -> Result<(), Error> {
        match &self.roles {
            Some(roles) => roles.allows(who, right),
            None => Roles::without_section(who, right),
        }
    }
}
