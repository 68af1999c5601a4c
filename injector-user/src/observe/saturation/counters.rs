//! Files with a line of names above a line of numbers: /proc/net/netstat and /proc/net/snmp.

/// The numbers of one table, by the names above them.
pub(super) struct Table<'a>(Vec<(&'a str, u64)>);

impl<'a> Table<'a> {
    /// The table whose two lines begin with `prefix`, such as `TcpExt:`.
    pub(super) fn of(text: &'a str, prefix: &str) -> Option<Self> {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(prefix));
        let (names, numbers) = (lines.next()?, lines.next()?);
        let pairs = names.split_ascii_whitespace().zip(numbers.split_ascii_whitespace());
        // Some are signed (MaxConn is -1).
        Some(Self(pairs.filter_map(|(name, number)| Some((name, number.parse().ok()?))).collect()))
    }

    /// One number; `None`: this kernel does not count it.
    pub(super) fn get(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_names() {
        let text = "TcpExt: A ListenDrops B\nTcpExt: 1 22 3\nIpExt: A\nIpExt: 9\n";
        let table = Table::of(text, "TcpExt:").unwrap();
        assert_eq!((table.get("ListenDrops"), table.get("B"), table.get("C")), (Some(22), Some(3), None));
        assert!(Table::of(text, "UdpLite:").is_none());
        assert!(Table::of("TcpExt: A\n", "TcpExt:").is_none(), "names without numbers");
    }
}
