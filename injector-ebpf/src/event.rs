//! A call that was failed, as it is told one by one.

use crate::layout;

/// Most events in a second, of all faults together. What is more is counted by the meter
/// [`crate::meter::NODE_EVENTS`].
pub const EVENTS_PER_SECOND: u64 = 1000;
/// Room for events that the daemon has not read yet, in bytes: for those of two seconds, the end of one and the beginning
/// of the next.
pub const EVENT_ROOM: u32 = 512 * 1024;
const _: () = assert!(2 * EVENTS_PER_SECOND < EVENT_ROOM as u64 / (size_of::<Event>() as u64 + 8));
/// Bytes of a path or an address that an event keeps.
pub const EVENT_TEXT: usize = 128;

/// [`Event::kind`]: `text` is empty.
pub const TELLS_NOTHING: u32 = 0;
/// [`Event::kind`]: `text` is a path, with a 0 behind it if it is shorter than the room.
pub const TELLS_PATH: u32 = 1;
/// [`Event::kind`]: `text` is a `struct sockaddr`.
pub const TELLS_PEER: u32 = 2;

/// One failed call.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// `ktime`, in nanoseconds.
    pub at: u64,
    /// The task's cgroup.
    pub cgroup: u64,
    /// The process.
    pub pid: u32,
    /// Its thread.
    pub tid: u32,
    /// The rule's slot.
    pub rule: u32,
    /// What the call returned, negative.
    pub errno: i32,
    /// The call's number.
    pub number: u32,
    /// One of the `TELLS_`.
    pub kind: u32,
    /// The thread's name.
    pub comm: [u8; 16],
    /// See `kind`.
    pub text: [u8; EVENT_TEXT],
}

impl Event {
    /// The event in a record of the ring; `None` if it is none.
    pub fn read(record: &[u8]) -> Option<Self> {
        // SAFETY: it is long enough, and every bit pattern is valid.
        (record.len() == size_of::<Self>())
            .then(|| unsafe { record.as_ptr().cast::<Self>().read_unaligned() })
    }
}

layout!(Event = 184);
