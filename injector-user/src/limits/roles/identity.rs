//! Who asks, as far as the kernel can tell.

use serde::{Deserialize, Serialize};

/// The identity of a process on the other end of a connection.
///
/// sudo makes everyone uid 0; the login uid (`/proc/PID/loginuid`, set once by the login program and kept by sudo
/// and su) still says which person it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Identity {
    /// Effective uid of the peer (SO_PEERCRED).
    pub uid: u32,
    /// Effective gid and supplementary groups.
    pub gids: Vec<u32>,
    /// Login uid; `None`: unset (a service, cron, a container) or not to be read.
    pub login: Option<u32>,
}

impl Identity {
    /// The person: for root the login uid, if there is one; else the uid.
    pub fn person(&self) -> u32 {
        match self.login {
            Some(login) if self.uid == 0 => login,
            _ => self.uid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_does_not_hide_the_person() {
        let of = |uid, login| Identity { uid, gids: vec![], login }.person();
        assert_eq!((of(0, Some(1000)), of(0, None), of(1001, Some(1000))), (1000, 0, 1001));
    }
}
