//! The bytes of netlink: messages with nested attributes, written and read. Knows nothing of any one protocol.

/// Length of `struct nlmsghdr` (linux/netlink.h).
pub const HEADER: usize = 16;
/// The two flag bits of an attribute's type are not part of its number (NLA_F_NESTED, NLA_F_NET_BYTEORDER).
const TYPE_MASK: u16 = 0x3fff;
const NESTED: u16 = 0x8000;

/// A request under construction: header, fixed body, attributes. All lengths are filled in as it grows.
#[derive(Debug)]
pub struct Message {
    buf: Vec<u8>,
}

impl Message {
    /// A message of type `kind` with `flags` (`NLM_F_*`; NLM_F_REQUEST is added) and the protocol's fixed `body`.
    pub fn new(kind: u16, flags: i32, body: &[u8]) -> Self {
        // Flags are 16 bits on the wire; libc declares them as c_int.
        let flags = (flags | libc::NLM_F_REQUEST) as u16;
        let mut buf = vec![0; HEADER];
        buf[4..6].copy_from_slice(&kind.to_ne_bytes());
        buf[6..8].copy_from_slice(&flags.to_ne_bytes());
        buf.extend_from_slice(body);
        pad(&mut buf);
        Self { buf }
    }

    /// Appends raw bytes within the open attribute: the fixed struct that some option attributes begin with.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
        pad(&mut self.buf);
    }

    /// Appends an attribute.
    pub fn attr(&mut self, kind: u16, data: &[u8]) {
        // An attribute's length is 16 bits; the longest written here is a 256-byte name.
        self.buf.extend_from_slice(&((data.len() + 4) as u16).to_ne_bytes());
        self.buf.extend_from_slice(&kind.to_ne_bytes());
        self.raw(data);
    }

    /// Appends an attribute of 32 bits in host order.
    pub fn attr_u32(&mut self, kind: u16, value: u32) {
        self.attr(kind, &value.to_ne_bytes());
    }

    /// Appends a NUL-terminated string.
    pub fn attr_str(&mut self, kind: u16, text: &str) {
        self.attr(kind, &[text.as_bytes(), b"\0"].concat());
    }

    /// Appends an attribute whose content `fill` writes.
    pub fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.buf.len();
        self.attr(kind | NESTED, &[]);
        fill(self);
        let len = (self.buf.len() - start) as u16;
        self.buf[start..start + 2].copy_from_slice(&len.to_ne_bytes());
    }

    /// The finished bytes, with the sequence number `seq`.
    pub fn bytes(&mut self, seq: u32) -> &[u8] {
        let len = self.buf.len() as u32;
        self.buf[0..4].copy_from_slice(&len.to_ne_bytes());
        self.buf[8..12].copy_from_slice(&seq.to_ne_bytes());
        &self.buf
    }
}

fn pad(buf: &mut Vec<u8>) {
    buf.resize(buf.len().next_multiple_of(4), 0);
}

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
    use super::*;

    #[test]
    fn writes_padded_nested_attributes() {
        let mut message = Message::new(0x10, libc::NLM_F_ACK, &[1, 2, 3, 4]);
        message.attr_str(3, "ifb");
        message.nest(18, |m| m.attr(1, &[0xaa]));
        let expected: Vec<u8> = [
            &[40u8, 0, 0, 0, 0x10, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4][..],
            &[8, 0, 3, 0, b'i', b'f', b'b', 0],
            &[12, 0, 18, 0x80, 5, 0, 1, 0, 0xaa, 0, 0, 0],
        ]
        .concat();
        assert_eq!(message.bytes(7), &expected[..], "little-endian hosts only");
    }

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
