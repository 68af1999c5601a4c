//! What differs between kernels in what is observed, from their own types.

use std::collections::BTreeMap;

use anyhow::Result;

use super::btf::Btf;

/// In front of the names of reasons.
const PREFIX: &str = "SKB_DROP_REASON_";

/// See [`Probes::of`].
#[derive(Clone, Debug, Default)]
pub struct Probes {
    /// Why the kernel drops packets, by number, without what all the names begin with.
    pub drop_reasons: BTreeMap<u32, String>,
    /// A drop also tells whose socket was to receive it (since 6.11).
    pub drop_has_socket: bool,
    /// `inet_csk_accept` has four arguments (before 6.10).
    pub old_accept: bool,
}

impl Probes {
    /// What this kernel's types say.
    ///
    /// # Errors
    /// They end early.
    pub fn of(kernel: &Btf) -> Result<Self> {
        let names = kernel.names_of("skb_drop_reason")?;
        let short = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
        Ok(Self {
            drop_reasons: names.iter().map(|(number, name)| (*number, short(name))).collect(),
            drop_has_socket: kernel.arguments_of("kfree_skb")?.is_some_and(|arguments| arguments > 3),
            old_accept: !kernel.has_struct("proto_accept_arg"),
        })
    }
}
