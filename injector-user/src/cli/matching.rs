//! The flags that say which packets a fault means.

use clap::Args;

use super::ask::{value, values};
use crate::{
    error::Error,
    spec::{Connections, Direction, Match},
};

/// Which packets; one must fit all that is given.
#[derive(Debug, Args)]
pub(super) struct Matching {
    /// Only packets to or from CIDR or NAME, with :PORT or :LOW-HIGH behind it or alone: 10.0.0.5:5432, db.internal,
    /// [2001:db8::/32]:443, :8000-8999; repeat it for several.
    #[arg(long, visible_alias = "to", value_name = "PEER")]
    peer: Vec<String>,
    /// But not to or from these, written as for --peer; repeat it for several.
    #[arg(long, value_name = "PEER")]
    except: Vec<String>,
    /// Only the target's own port, or ports LOW-HIGH.
    #[arg(long, value_name = "PORTS", allow_negative_numbers = true)]
    local_port: Option<String>,
    /// Only tcp, udp or icmp (ICMP and ICMPv6).
    #[arg(long, value_name = "PROTOCOL")]
    protocol: Option<String>,
    /// Only packets that begin a TCP connection.
    #[arg(long, conflicts_with = "established")]
    new_connections: bool,
    /// Only packets of TCP connections that there are.
    #[arg(long)]
    established: bool,
    /// Only through this interface of the target's network namespace.
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
}

impl Matching {
    /// What was asked.
    pub(super) fn given(&self) -> Result<Match, Error> {
        let connections =
            [(self.new_connections, Connections::New), (self.established, Connections::Established)];
        Ok(Match {
            peer: values("--peer", &self.peer)?,
            except: values("--except", &self.except)?,
            local_port: value("--local-port", self.local_port.as_deref())?,
            protocol: value("--protocol", self.protocol.as_deref())?,
            connections: connections.into_iter().find(|(given, _)| *given).map(|(_, which)| which),
            interface: value("--interface", self.interface.as_deref())?,
        })
    }
}

/// Which way the packets go.
#[derive(Debug, Args)]
pub(super) struct Way {
    /// egress (what the target sends), ingress or both [default: egress; of a partition: both].
    #[arg(long, value_name = "WAY")]
    direction: Option<String>,
}

impl Way {
    /// What was asked, or egress.
    pub(super) fn given(&self) -> Result<Direction, Error> {
        self.or(Direction::Egress)
    }

    /// What was asked, or `default`.
    pub(super) fn or(&self, default: Direction) -> Result<Direction, Error> {
        Ok(value("--direction", self.direction.as_deref())?.unwrap_or(default))
    }
}
