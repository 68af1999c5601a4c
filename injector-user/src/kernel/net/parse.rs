//! Reads netlink messages and attributes. Nothing here trusts a length.

use super::wire::HEADER;

/// The two flag bits of an attribute's type are not part of its number (NLA_F_NESTED, NLA_F_NET_BYTEORDER).
const TYPE_MASK: u16 = 0x3fff;

/// A message that came in, without its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The message type.
    pub kind: u16,
    /// `NLM_F_*`.
    pub flags: u16,
    /// The sequence number of the request it answers.
    pub seq: u32,
    /// Fixed body and attributes.
    pub payload: Vec<u8>,
}

impl Reply {
    /// The attributes behind a fixed body of `body` bytes; none if the message is shorter.
    pub fn attrs(&self, body: usize) -> Attrs<'_> {
        Attrs(self.payload.get(body.next_multiple_of(4)..).unwrap_or_default())
    }
}

/// Splits a datagram into its messages. A broken length ends the list: the kernel doesn't send one.
pub fn replies(mut datagram: &[u8]) -> Vec<Reply> {
    let mut out = Vec::new();
    while let Some(len) = u32_at(datagram, 0).map(|len| len as usize) {
        let Some(payload) = datagram.get(HEADER..len) else { break };
        out.push(Reply {
            kind: u16_at(datagram, 4).unwrap_or_default(),
            flags: u16_at(datagram, 6).unwrap_or_default(),
            seq: u32_at(datagram, 8).unwrap_or_default(),
            payload: payload.to_vec(),
        });
        datagram = datagram.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    out
}

/// Iterates over attributes: (number without flag bits, data). Stops at the first broken length.
#[derive(Debug, Clone, Copy)]
pub struct Attrs<'a>(pub &'a [u8]);

impl<'a> Attrs<'a> {
    /// The data of the last attribute `kind`, as the kernel itself reads duplicates.
    pub fn get(self, kind: u16) -> Option<&'a [u8]> {
        self.filter(|(found, _)| *found == kind).last().map(|(_, data)| data)
    }

    /// The attributes within attribute `kind`; none if it is missing.
    pub fn nested(self, kind: u16) -> Attrs<'a> {
        Attrs(self.get(kind).unwrap_or_default())
    }

    /// A 32-bit value in host order.
    pub fn u32(self, kind: u16) -> Option<u32> {
        u32_at(self.get(kind)?, 0)
    }

    /// A string up to its NUL; bytes that aren't UTF-8 are replaced.
    pub fn str(self, kind: u16) -> Option<String> {
        let data = self.get(kind)?;
        let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
        Some(String::from_utf8_lossy(&data[..end]).into_owned())
    }
}

impl<'a> Iterator for Attrs<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let len = usize::from(u16_at(self.0, 0)?);
        let kind = u16_at(self.0, 2)? & TYPE_MASK;
        let data = self.0.get(4..len)?;
        self.0 = self.0.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, data))
    }
}

/// `N` bytes at `at`, if there are so many.
pub fn bytes_at<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk().copied()
}

/// A host-order u16 at `at`.
pub fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    bytes_at(data, at).map(u16::from_ne_bytes)
}

/// A host-order u32 at `at`.
pub fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    bytes_at(data, at).map(u32::from_ne_bytes)
}

/// A host-order u64 at `at`.
pub fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    bytes_at(data, at).map(u64::from_ne_bytes)
}

#[cfg(test)]
mod unit {
    use super::super::wire::Message;
    use super::*;

    #[test]
    fn reads_what_it_wrote_and_survives_rubbish() {
        let mut message = Message::new(1, 0, &[0; 4]);
        message.nest(2, |m| m.attr_u32(5, 99));
        message.attr_str(6, "name");
        let all = replies(message.bytes(1));
        let attrs = all[0].attrs(4);
        assert_eq!(attrs.nested(2).u32(5), Some(99));
        assert_eq!(attrs.str(6).as_deref(), Some("name"));
        assert_eq!(attrs.u32(7), None);
        for len in 0..all[0].payload.len() {
            assert!(Attrs(&all[0].payload[..len]).count() < 16);
        }
        assert!(replies(&[3, 0, 0, 0]).is_empty());
        assert_eq!(Attrs(&[0, 0, 0, 0]).count(), 0, "a length of 0 must not loop");
    }
}
