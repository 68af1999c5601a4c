//! A profile's file before its faults are understood.

use super::{MOST, Profile, ProfileFault};
use crate::error::Error;
use crate::spec::raw::RawSpec;
use crate::spec::{FaultName, Words, sense};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProfile {
    name: FaultName,
    about: Words,
    source: Words,
    faults: Bodies,
}

/// So that what is wrong with one fault is told with its line.
#[derive(Deserialize)]
#[serde(try_from = "RawSpec")]
struct Body(ProfileFault);

impl TryFrom<RawSpec> for Body {
    type Error = Error;

    fn try_from(mut raw: RawSpec) -> Result<Self, Error> {
        if let Some(key) = raw.key_of_a_run() {
            return Err(Error::usage(format!("`{key}` does not belong to a profile's fault"))
                .hint("it is given when the profile is run"));
        }
        let fault = raw.fault()?;
        let matching = raw.matching();
        sense::kind(&fault)?;
        sense::packets(&fault, &matching)?;
        Ok(Body(ProfileFault { fault, matching }))
    }
}

/// So that a wrong number of them is told with its line.
#[derive(Deserialize)]
#[serde(try_from = "Vec<Body>")]
struct Bodies(Vec<ProfileFault>);

impl TryFrom<Vec<Body>> for Bodies {
    type Error = Error;

    fn try_from(bodies: Vec<Body>) -> Result<Self, Error> {
        if bodies.is_empty() || bodies.len() > MOST {
            return Err(Error::usage(format!("a profile of {} faults", bodies.len()))
                .hint(format!("it has 1 to {MOST}")));
        }
        Ok(Bodies(bodies.into_iter().map(|Body(fault)| fault).collect()))
    }
}

impl From<RawProfile> for Profile {
    fn from(raw: RawProfile) -> Self {
        let RawProfile { name, about, source, faults: Bodies(faults) } = raw;
        Profile { name, about, source, faults }
    }
}
