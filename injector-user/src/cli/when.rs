//! Times for people: the API's are in UTC, a person's watch is not.

use std::time::UNIX_EPOCH;

/// `14:02:31` here for an RFC 3339 time; the text itself if it is none.
pub(super) fn clock(rfc3339: &str) -> String {
    let seconds = humantime::parse_rfc3339(rfc3339)
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|since| libc::time_t::try_from(since.as_secs()).ok());
    seconds.and_then(local).unwrap_or_else(|| rfc3339.to_owned())
}

fn local(seconds: libc::time_t) -> Option<String> {
    // SAFETY: all-zero is a valid `tm`: integers and a pointer that is only read by us never.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values of the right type; localtime_r keeps neither.
    let filled = unsafe { libc::localtime_r(&raw const seconds, &raw mut parts) };
    (!filled.is_null()).then(|| format!("{:02}:{:02}:{:02}", parts.tm_hour, parts.tm_min, parts.tm_sec))
}
