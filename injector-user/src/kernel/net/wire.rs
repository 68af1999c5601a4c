//! Writes netlink messages with nested attributes. Knows nothing of any one protocol.

/// Length of `struct nlmsghdr` (linux/netlink.h).
pub const HEADER: usize = 16;
/// linux/netlink.h: NLA_F_NESTED, a bit of an attribute's type.
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
        // An attribute's length is 16 bits; the longest written here is a netem table of 32 KiB.
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
}
