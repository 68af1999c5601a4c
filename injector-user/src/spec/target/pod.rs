//! What a Kubernetes pod is called.

use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// The longest namespace in bytes: a DNS label (RFC 1123).
const LONGEST_NAMESPACE: usize = 63;
/// The longest name in bytes: a DNS subdomain.
const LONGEST_NAME: usize = 253;

/// A pod by name or by uid.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodName {
    /// `NAMESPACE/NAME`.
    Named {
        /// Its namespace.
        namespace: String,
        /// Its name in there.
        name: String,
    },
    /// 32 hex digits, with the dashes of a UUID or without: a static pod's uid is a hash of its manifest.
    Uid(String),
}

impl FromStr for PodName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let shown = text.escape_debug();
        let Some((namespace, name)) = text.split_once('/') else {
            if is_uid(text) {
                return Ok(PodName::Uid(text.to_owned()));
            }
            return Err(Error::usage(format!("`{shown}` is neither a pod's NAMESPACE/NAME nor its uid"))
                .hint("write the namespace too, such as pod:default/web-0"));
        };
        if !is_dns(namespace, LONGEST_NAMESPACE) || namespace.contains('.') || !is_dns(name, LONGEST_NAME) {
            return Err(Error::usage(format!("`{shown}` is not a pod's name"))
                .hint("write it as `kubectl get pods -A` shows it, such as pod:default/web-0"));
        }
        Ok(PodName::Named { namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

/// 8-4-4-4-12 hex digits, or 32 of them.
fn is_uid(text: &str) -> bool {
    let hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    matches!(lengths.as_slice(), [32] | [8, 4, 4, 4, 12]) && text.split('-').all(hex)
}

/// Labels of a-z, 0-9 and inner dashes, joined by dots (RFC 1123, as Kubernetes has it: lower case).
fn is_dns(text: &str, longest: usize) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(plain) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= longest && text.split('.').all(label)
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PodName::Named { namespace, name } => write!(f, "{namespace}/{name}"),
            PodName::Uid(uid) => f.write_str(uid),
        }
    }
}
