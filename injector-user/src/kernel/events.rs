//! The ring in which the kernel programs tell of failed calls, for one reader beside the engine.

use std::os::fd::{AsRawFd, RawFd};

use anyhow::Result;
use aya::maps::{Array, MapData, RingBuf};
use injector_ebpf::{
    event::Event,
    meter::{MeterUse, NODE_EVENTS},
    names,
};

use super::object::Object;

/// See the module. Its descriptor is readable when there is something.
pub struct Ring {
    ring: RingBuf<MapData>,
    full: Array<MapData, u64>,
    uses: Array<MapData, MeterUse>,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").finish_non_exhaustive()
    }
}

impl Ring {
    /// The ring of these programs. There may be one only: what is read is gone.
    ///
    /// # Errors
    /// No descriptor or memory is left.
    pub(super) fn new(object: &mut Object) -> Result<Self> {
        Ok(Self {
            ring: RingBuf::try_from(object.beside(names::EVENTS)?)?,
            full: Array::try_from(object.beside(names::EVENTS_FULL)?)?,
            uses: Array::try_from(object.beside(names::METER_USE)?)?,
        })
    }

    /// The next event, if there is one.
    pub fn take(&mut self) -> Option<Event> {
        loop {
            let record = self.ring.next()?;
            // Of another length there are none.
            if let Some(event) = Event::read(&record) {
                return Some(event);
            }
        }
    }

    /// How many were left out because there were too many in a second, and how many because the ring was full.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn lost(&self) -> Result<(u64, u64)> {
        Ok((self.uses.get(&NODE_EVENTS, 0)?.refused, self.full.get(&0, 0)?))
    }
}

impl AsRawFd for Ring {
    fn as_raw_fd(&self) -> RawFd {
        self.ring.as_raw_fd()
    }
}
