//! Offsets of kernel structures' fields, from the running kernel's own BTF.
//!
//! aya reads BTF for its own needs and keeps the types to itself; this reads just enough: structures, unions
//! and their members, and which system calls
//! and LSM hooks there are. Format: Documentation/bpf/btf.rst.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
};

use anyhow::{Context as _, Result, bail, ensure};

const PTR: u32 = 2;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const TYPEDEF: u32 = 8;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
const FLOAT: u32 = 16;
/// The length of BTF's header, and of the part that all types' records have, in bytes.
const HEADER: u32 = 24;
const RECORD: usize = 12;
/// The types of the running kernel.
const OF_KERNEL: &str = "/sys/kernel/btf/vmlinux";

fn word(data: &[u8], at: usize) -> Result<u32> {
    let bytes = data.get(at..at + 4).context("BTF ends early")?;
    Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// The types of the running kernel, as it has them.
///
/// # Errors
/// The file is missing (a kernel without CONFIG_DEBUG_INFO_BTF).
pub fn bytes_of_kernel() -> Result<Vec<u8>> {
    std::fs::read(OF_KERNEL).with_context(|| format!("{OF_KERNEL} is needed (CONFIG_DEBUG_INFO_BTF)"))
}

/// Where in a BTF blob what is.
struct Parts {
    types: Range<usize>,
    strings: Range<usize>,
}

impl Parts {
    fn of(data: &[u8]) -> Result<Self> {
        ensure!(word(data, 0)? & 0xffff == 0xeb9f, "not BTF: the magic is wrong");
        let header = word(data, 4)? as usize;
        let part = |at| anyhow::Ok((header + word(data, at)? as usize, word(data, at + 4)? as usize));
        let ((types, types_len), (strings, strings_len)) = (part(8)?, part(16)?);
        Ok(Self { types: types..types + types_len, strings: strings..strings + strings_len })
    }
}

/// The kind of a type's record, and how long it is.
fn record(data: &[u8], at: usize) -> Result<(u32, usize)> {
    let info = word(data, at + 4)?;
    let (kind, vlen) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
    let more = match kind {
        1 | 14 | 17 => 4, // INT, VAR, DECL_TAG
        3 => 12,          // ARRAY
        STRUCT | UNION => vlen * 12,
        6 => vlen * 8,   // ENUM
        13 => vlen * 8,  // FUNC_PROTO
        15 => vlen * 12, // DATASEC
        19 => vlen * 12, // ENUM64
        2 | 7..=12 | 16 | 18 => 0,
        other => bail!("BTF kind {other} is not known"),
    };
    Ok((kind, RECORD + more))
}

/// The same types by the same ids, of which only functions and typedefs say what they are: all others are floats
/// without a name. A tenth of the work for who looks for ids only.
///
/// # Errors
/// It is not BTF.
pub fn only_what_has_ids(data: &[u8]) -> Result<Vec<u8>> {
    let parts = Parts::of(data)?;
    let mut types = Vec::new();
    let mut at = parts.types.start;
    while at < parts.types.end {
        let (kind, length) = record(data, at)?;
        match data.get(at..at + RECORD).context("BTF ends early")? {
            kept if matches!(kind, FUNC | TYPEDEF) => types.extend_from_slice(kept),
            _ => types.extend([0, FLOAT << 24, 0].iter().flat_map(|word: &u32| word.to_le_bytes())),
        }
        at += length;
    }
    let strings = data.get(parts.strings).context("BTF ends early")?;
    let length = u32::try_from(types.len())?;
    let header = [0x1_eb9f, HEADER, 0, length, length, u32::try_from(strings.len())?];
    let header = header.iter().flat_map(|word| word.to_le_bytes());
    Ok(header.chain(types).chain(strings.iter().copied()).collect())
}

/// The structures of a BTF blob.
pub struct Btf {
    data: Vec<u8>,
    strings: usize,
    /// Name to position of the type record; positions of all types by id.
    structs: HashMap<String, usize>,
    /// The functions of system calls.
    calls: HashSet<String>,
    /// The functions of LSM hooks, and those that ask all LSMs.
    hooks: HashSet<String>,
    /// The functions of the calls of 32-bit programs.
    compat: HashSet<String>,
    types: Vec<usize>,
}

impl Btf {
    /// Reads `/sys/kernel/btf/vmlinux`.
    ///
    /// # Errors
    /// The file is missing (a kernel without CONFIG_DEBUG_INFO_BTF) or is not BTF.
    pub fn of_kernel() -> Result<Self> {
        Self::parse(bytes_of_kernel()?)
    }

    /// As they were read.
    pub fn bytes(&self) -> &[u8] {
        &self.data
    }

    fn parse(data: Vec<u8>) -> Result<Self> {
        let mut btf = Self {
            data,
            strings: 0,
            structs: HashMap::new(),
            calls: HashSet::new(),
            hooks: HashSet::new(),
            compat: HashSet::new(),
            types: vec![0],
        };
        let parts = Parts::of(&btf.data)?;
        btf.strings = parts.strings.start;
        let mut at = parts.types.start;
        while at < parts.types.end {
            let (kind, length) = record(&btf.data, at)?;
            if matches!(kind, STRUCT | UNION) {
                let name = btf.string(btf.u32(at)? as usize)?.to_owned();
                if !name.is_empty() {
                    btf.structs.entry(name).or_insert(at);
                }
            }
            if kind == FUNC {
                let name = btf.string(btf.u32(at)? as usize)?;
                if name.starts_with(super::functions::PREFIX) {
                    btf.calls.insert(name.to_owned());
                } else if name.starts_with(super::functions::COMPAT_PREFIX) {
                    btf.compat.insert(name.to_owned());
                } else if super::functions::HOOK_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
                    btf.hooks.insert(name.to_owned());
                }
            }
            btf.types.push(at);
            at += length;
        }
        Ok(btf)
    }

    /// Has this kernel the function of a system call? Also true of all if it tells of none.
    pub fn has_call(&self, function: &str) -> bool {
        self.calls.is_empty() || self.calls.contains(function)
    }

    /// Has this kernel the function of an LSM hook, to which programs attach?
    pub fn has_hook(&self, function: &str) -> bool {
        self.hooks.contains(function)
    }

    /// The functions of the calls of 32-bit programs; none if this kernel runs none.
    pub fn compat(self) -> HashSet<String> {
        self.compat
    }

    /// Byte offset of `path` (members separated by dots) in structure `name`; anonymous members are entered.
    ///
    /// # Errors
    /// The structure or the member does not exist in this kernel, or the member is a bit field.
    pub fn offset(&self, name: &str, path: &str) -> Result<u32> {
        let mut at = *self.structs.get(name).with_context(|| format!("this kernel has no struct {name}"))?;
        let mut bits = 0;
        for member in path.split('.') {
            let (offset, ty) = self
                .member(at, member)?
                .with_context(|| format!("this kernel's struct {name} has no member {path}"))?;
            bits += offset;
            at = self.resolve(ty)?;
        }
        ensure!(bits % 8 == 0, "{name}.{path} is a bit field");
        Ok(bits / 8)
    }

    /// The names of an enumeration's values; empty if this kernel has no such enumeration.
    ///
    /// # Errors
    /// The BTF ends early.
    pub fn names_of(&self, name: &str) -> Result<BTreeMap<u32, String>> {
        let mut names = BTreeMap::new();
        let Some(at) = self.find(ENUM, name)? else { return Ok(names) };
        for index in 0..(self.u32(at + 4)? & 0xffff) as usize {
            let record = at + 12 + index * 8;
            let name = self.string(self.u32(record)? as usize)?;
            names.entry(self.u32(record + 4)?).or_insert_with(|| name.to_owned());
        }
        Ok(names)
    }

    /// How many arguments a tracepoint hands to its programs; `None` if this kernel does not tell.
    ///
    /// # Errors
    /// The BTF ends early.
    pub fn arguments_of(&self, tracepoint: &str) -> Result<Option<u32>> {
        let Some(at) = self.find(TYPEDEF, &format!("btf_trace_{tracepoint}"))? else { return Ok(None) };
        let pointer = self.resolve(self.u32(at + 8)? as usize)?;
        if self.kind(pointer)? != PTR {
            return Ok(None);
        }
        let function = self.resolve(self.u32(pointer + 8)? as usize)?;
        // The first one is the tracepoint's own.
        let arguments = (self.u32(function + 4)? & 0xffff).checked_sub(1);
        Ok(if self.kind(function)? == FUNC_PROTO { arguments } else { None })
    }

    /// Is there a structure of this name?
    pub fn has_struct(&self, name: &str) -> bool {
        self.structs.contains_key(name)
    }

    /// The first type of this kind and name.
    fn find(&self, kind: u32, name: &str) -> Result<Option<usize>> {
        for at in self.types.iter().copied().skip(1) {
            if self.kind(at)? == kind && self.string(self.u32(at)? as usize)? == name {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn kind(&self, at: usize) -> Result<u32> {
        Ok(self.u32(at + 4)? >> 24 & 0x1f)
    }

    /// Offset in bits and type of a member.
    fn member(&self, at: usize, name: &str) -> Result<Option<(u32, usize)>> {
        let info = self.u32(at + 4)?;
        if !matches!(info >> 24 & 0x1f, STRUCT | UNION) {
            return Ok(None);
        }
        let bitfields = info >> 31 != 0;
        for index in 0..(info & 0xffff) as usize {
            let record = at + 12 + index * 12;
            let (text, ty) = (self.string(self.u32(record)? as usize)?, self.u32(record + 4)? as usize);
            let raw = self.u32(record + 8)?;
            let offset = if bitfields { raw & 0xff_ffff } else { raw };
            if text == name {
                return Ok(Some((offset, ty)));
            }
            if text.is_empty()
                && let Some((inner, ty)) = self.member(self.resolve(ty)?, name)?
            {
                return Ok(Some((offset + inner, ty)));
            }
        }
        Ok(None)
    }

    /// Follows typedefs and qualifiers to the type itself.
    fn resolve(&self, mut id: usize) -> Result<usize> {
        for _ in 0..32 {
            let at = *self.types.get(id).context("BTF refers to a type that it does not have")?;
            match self.u32(at + 4)? >> 24 & 0x1f {
                8..=11 | 18 => id = self.u32(at + 8)? as usize,
                _ => return Ok(at),
            }
        }
        bail!("BTF's type {id} is circular")
    }

    fn u32(&self, at: usize) -> Result<u32> {
        word(&self.data, at)
    }

    fn string(&self, offset: usize) -> Result<&str> {
        let from = self.data.get(self.strings + offset..).context("BTF ends early")?;
        let end = from.iter().position(|b| *b == 0).context("BTF has an open string")?;
        Ok(std::str::from_utf8(&from[..end])?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_is_an_error() {
        assert!(Btf::parse(vec![]).is_err());
        assert!(Btf::parse(vec![0x9f, 0xeb, 1, 0, 24]).is_err());
        assert!(Btf::parse(vec![0xff; 64]).is_err());
    }

    #[test]
    fn fields_of_the_running_kernel_are_found() {
        let Ok(btf) = Btf::of_kernel() else {
            println!("SKIP fields_of_the_running_kernel_are_found: this kernel has no BTF");
            return;
        };
        let at = |path| btf.offset("sock", path).unwrap();
        assert!(at("sk_protocol").abs_diff(at("sk_type")) <= 2, "they are neighbours since Linux 5.6");
        assert!(btf.offset("tcp_sock", "srtt_us").unwrap() > btf.offset("sock", "sk_sndbuf").unwrap());
        assert_eq!(btf.offset("sock", "__sk_common.skc_daddr").unwrap(), 0);
        assert!(btf.offset("sock", "no_such_member").is_err());
        assert!(btf.offset("no_such_struct", "x").is_err());
        let reasons = btf.names_of("skb_drop_reason").unwrap();
        assert!(reasons.values().any(|name| name == "SKB_DROP_REASON_NO_SOCKET"), "{reasons:?}");
        assert!(btf.names_of("no_such_enum").unwrap().is_empty());
        assert_eq!(btf.arguments_of("inet_sock_set_state").unwrap(), Some(3));
        assert_eq!(btf.arguments_of("no_such_tracepoint").unwrap(), None);
    }
}
