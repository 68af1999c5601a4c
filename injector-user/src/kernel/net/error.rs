//! What the kernel answered when it refused a request.

use std::fmt;
use std::io;

/// A netlink request that the kernel refused.
///
/// It travels inside `anyhow::Error`; [`errno_of`] finds it again.
#[derive(Debug)]
pub struct KernelError {
    /// What was asked, for a person: "add ifb inj0a1b2c3d0".
    pub asked: String,
    /// The kernel's errno, positive.
    pub errno: i32,
    /// The kernel's own words (NLMSGERR_ATTR_MSG), where it has any.
    pub message: Option<String>,
}

impl KernelError {
    /// The same refusal as a plain I/O error, for callers that only look at the kind.
    pub fn as_io(&self) -> io::Error {
        io::Error::from_raw_os_error(self.errno)
    }
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.asked, self.as_io())?;
        match &self.message {
            Some(text) => write!(f, " (kernel: {text})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for KernelError {}

/// The errno of the [`KernelError`] or `io::Error` within `error`, if there is one.
pub fn errno_of(error: &anyhow::Error) -> Option<i32> {
    error.chain().find_map(|cause| match cause.downcast_ref::<KernelError>() {
        Some(refused) => Some(refused.errno),
        None => cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error),
    })
}
