//! The mark that a packet carries in `tc_index` once it was asked about: a packet that passes a second device, or
//! comes back from a device of ours, must be neither drawn nor counted again.

/// Upper bits of a packet that was asked about on its way out.
pub const TAG_EGRESS: u16 = 0xe5a0;
/// Upper bits of a packet that was asked about on its way in.
pub const TAG_INGRESS: u16 = 0xe5c0;
/// Upper bits of a copy of such a packet that has yet to come in.
pub const TAG_TWIN: u16 = 0xe5e0;
/// The bits of [`TAG_EGRESS`], [`TAG_INGRESS`] and [`TAG_TWIN`]; those below hold the rule whose device the packet goes to.
pub const TAG_MASK: u16 = 0xffe0;
/// In place of a rule: the packet goes to no device of ours.
pub const TAG_NO_DEVICE: u16 = 0x1f;
/// In the mark of a packet that is freed because of a rule: what the kernel then says of the drop is about us.
pub const LOST_MARK: u32 = 0x1a7e_10c7;
