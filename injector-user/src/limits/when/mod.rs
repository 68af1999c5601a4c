//! When faults are allowed: time windows, and dates on which there are none.

mod clock;
mod days;
mod freeze;
mod verdict;
mod window;
mod zone;

#[cfg(test)]
mod tests;

use crate::error::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use clock::TimeOfDay;
pub use days::Days;
pub use freeze::{Date, Freeze};
pub(super) use verdict::verdict;
pub use window::Window;
pub use zone::Zone;

/// The `when` section: a fault begins and ends within the windows and outside the freezes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Of which zone the times and dates are, such as Europe/Berlin or UTC.
    #[schemars(schema_with = "super::schema::zone")]
    pub zone: Zone,
    /// Faults live only within these. None: at any time.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// Faults never live within these.
    #[serde(default)]
    pub freezes: Vec<Freeze>,
}

impl When {
    /// Refuses a window or a freeze that holds no time.
    pub(super) fn validate(&self) -> Result<(), Error> {
        for (index, window) in self.windows.iter().enumerate() {
            window.validate(&format!("when.windows.{index}"))?;
        }
        for (index, freeze) in self.freezes.iter().enumerate() {
            freeze.validate(&format!("when.freezes.{index}"))?;
        }
        Ok(())
    }
}
