//! Which keys belong to which kind.

/// The keys of a kind; `None` if there is no such kind.
pub(super) fn own(verb: &str) -> Option<&'static [&'static str]> {
    Some(match verb {
        "drop" => &["percent", "flows", "bursts", "every", "first", "direction", "local_error"],
        "delay" => &[
            "by",
            "jitter",
            "correlation",
            "distribution",
            "in_order",
            "rate",
            "percent",
            "flows",
            "bursts",
            "every",
            "first",
            "direction",
        ],
        "corrupt" | "garble" | "duplicate" | "reset" => {
            &["percent", "flows", "bursts", "every", "first", "direction"]
        }
        "reorder" => &["percent", "flows", "bursts", "every", "first", "by", "direction"],
        "rate" => &["rate", "burst", "queue", "per_flow", "direction"],
        "partition" | "blackhole" => &["direction"],
        "refuse" => &["percent", "flows", "bursts", "every", "first", "above", "direction"],
        "dns" => &["names", "answer", "by", "percent", "flows", "bursts", "every", "first"],
        "fail" => &[
            "syscall",
            "exact",
            "errno",
            "outcome",
            "short",
            "percent",
            "bursts",
            "every",
            "first",
            "after",
            "per_second",
            "seed",
            "path",
            "uid",
            "comm",
            "process",
            "arg",
            "fd_path",
            "fd",
            "rung",
        ],
        _ => return None,
    })
}
