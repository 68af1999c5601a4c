//! The same decision for journald, in its native protocol: a datagram of `KEY=value` lines. Best effort: the log
//! of record is ours.
//!
//! Source: systemd's docs/JOURNAL_NATIVE_PROTOCOL.md. A value with a newline is written as the key, a newline, its
//! length in 8 bytes little endian, the value and a newline.

use std::{
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
};

use super::{
    decision::{Decision, Outcome},
    line::Link,
};

/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// See the module.
#[derive(Debug)]
pub struct Journald {
    path: PathBuf,
}

impl Default for Journald {
    fn default() -> Self {
        Self::at(Path::new(SOCKET))
    }
}

impl Journald {
    /// One that listens elsewhere.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Sends it, if somebody listens and has room: this never waits.
    pub fn send(&self, decision: &Decision, link: &Link) {
        let sent = UnixDatagram::unbound().and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.send_to(&datagram(decision, link), &self.path)
        });
        if let Err(error) = sent {
            tracing::trace!("journald at {}: {error}", self.path.display());
        }
    }
}

fn datagram(decision: &Decision, link: &Link) -> Vec<u8> {
    let (action, outcome) = (word(&decision.action), word(&decision.outcome));
    let mut message = format!("{}: {action} {outcome}", decision.who.person);
    for part in [&decision.fault, &decision.summary, &decision.reason].into_iter().flatten() {
        message += &format!(", {part}");
    }
    // Informational, notice, warning: syslog(3).
    let priority = match decision.outcome {
        Outcome::Allowed => "6",
        Outcome::Ended | Outcome::Noted => "5",
        Outcome::Refused | Outcome::Failed => "4",
    };
    let who = &decision.who;
    let fields = [
        ("MESSAGE", Some(message)),
        ("PRIORITY", Some(priority.into())),
        ("SYSLOG_IDENTIFIER", Some("injector".into())),
        ("INJECTOR_ACTION", Some(action)),
        ("INJECTOR_OUTCOME", Some(outcome)),
        ("INJECTOR_FAULT", decision.fault.clone()),
        ("INJECTOR_WHO", Some(who.person.clone())),
        ("INJECTOR_WHO_UID", Some(who.uid.to_string())),
        ("INJECTOR_WHO_LOGIN", who.login.map(|login| login.to_string())),
        ("INJECTOR_WHO_PID", Some(who.pid.to_string())),
        ("INJECTOR_TICKET", decision.ticket.clone()),
        ("INJECTOR_LIMIT", decision.limit.clone()),
        ("INJECTOR_REASON", decision.reason.clone()),
        ("INJECTOR_SEQ", Some(link.seq.to_string())),
        ("INJECTOR_HASH", Some(link.hash.clone())),
    ];
    let mut bytes = Vec::new();
    for (key, value) in fields.iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
        bytes.extend_from_slice(key.as_bytes());
        if value.contains('\n') {
            bytes.push(b'\n');
            bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            bytes.push(b'=');
        }
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

/// As it is in the log.
fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or("?").to_owned()
}
