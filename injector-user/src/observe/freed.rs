//! Which of the kernel's reasons for freeing a packet are no error.

/// The names in `enum skb_drop_reason` of what was of no use any more: nothing that somebody waited for was lost.
const NO_ERROR: [&str; 9] = [
    "CONSUMED",
    // What waits in a queue or a socket that goes.
    "QUEUE_PURGE",
    "SOCKET_CLOSE",
    // What had come before: data or an acknowledgement that was sent twice, or overtaken.
    "TCP_OLD_DATA",
    "TCP_OLD_SEQUENCE",
    "TCP_OLD_ACK",
    "TCP_OFOMERGE",
    "TCP_OFO_DROP",
    "DUP_FRAG",
];

/// The kernel says no reason: the end of a connection is like that, and so is a drop in code that tells none.
const UNKNOWN: &str = "NOT_SPECIFIED";

/// Is this reason one of those? A number, of a kernel that does not tell its names, is not.
pub fn is_no_error(reason: &str) -> bool {
    reason == UNKNOWN || NO_ERROR.contains(&reason)
}
