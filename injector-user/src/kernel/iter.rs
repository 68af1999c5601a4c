//! Reads all flows: they live in sockets, and only an iterator over the socket storage reaches them all.
//!
//! By raw bpf(2): `Iter::attach` of aya 0.14 cannot say which map to walk.

use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
};

use anyhow::{Context as _, Result, bail, ensure};
use aya::programs::Program;
use injector_ebpf::{flow::Flow, names};

use super::object::Object;

// enum bpf_cmd and enum bpf_attach_type, linux/bpf.h
const BPF_LINK_CREATE: libc::c_int = 28;
const BPF_ITER_CREATE: libc::c_int = 33;
const BPF_TRACE_ITER: u32 = 28;
/// More than the kernel's own buffer (8 pages), so that one read empties it.
const CHUNK: usize = 64 * 1024;

/// `union bpf_attr`, the part for BPF_LINK_CREATE of an iterator.
#[repr(C)]
struct LinkCreate {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
    iter_info: u64,
    iter_info_len: u32,
    pad: u32,
}

/// `union bpf_attr`, the part for BPF_ITER_CREATE.
#[repr(C)]
struct IterCreate {
    link_fd: u32,
    flags: u32,
}

/// The iterator over the flows of this object. Its link holds program and map; dropping it detaches.
#[derive(Debug)]
pub struct FlowReader {
    link: OwnedFd,
}

impl FlowReader {
    /// Loads the iterator and ties it to the map of flows.
    ///
    /// # Errors
    /// The kernel refused program or link (`bpf_sk_storage_map` iterators exist since 5.9).
    pub fn new(object: &mut Object) -> Result<Self> {
        object.load_program(names::ITER_FLOWS)?;
        let map = object.map_fd(names::FLOWS)?;
        let (program, _) = object.program(names::ITER_FLOWS)?;
        let Program::Iter(program) = program else { bail!("program {} is no iterator", names::ITER_FLOWS) };
        let link = attach(program.fd()?.as_fd(), map.as_fd()).context("tie the iterator to the flows")?;
        Ok(Self { link })
    }

    /// All flows that are open now, as the kernel keeps them. Those already added to a dependency are left out.
    ///
    /// Counters move while they are read: a flow is not a consistent cut through its own fields.
    ///
    /// # Errors
    /// The kernel refused the iterator or a read.
    pub fn read(&self) -> Result<Vec<Flow>> {
        let asked = IterCreate { link_fd: raw(self.link.as_fd()), flags: 0 };
        let mut file = File::from(bpf(BPF_ITER_CREATE, &asked).context("start an iterator over the flows")?);
        let (mut decoder, mut chunk) = (Decoder::default(), vec![0; CHUNK]);
        loop {
            match file.read(&mut chunk) {
                Ok(0) => return decoder.finish(),
                Ok(n) => decoder.push(&chunk[..n]),
                // EAGAIN: a million sockets were passed without one of ours; the next read goes on there.
                Err(e) if matches!(e.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                Err(e) => return Err(e).context("read the flows"),
            }
        }
    }
}

/// Cuts what the iterator writes into flows.
#[derive(Default)]
struct Decoder {
    rest: Vec<u8>,
    flows: Vec<Flow>,
}

impl Decoder {
    fn push(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let mut values = self.rest.chunks_exact(size_of::<Flow>());
        for value in &mut values {
            // SAFETY: as many bytes as a `Flow` has, and it is plain data: every bit pattern is valid.
            let flow = unsafe { value.as_ptr().cast::<Flow>().read_unaligned() };
            if flow.cookie != 0 {
                self.flows.push(flow);
            }
        }
        self.rest = values.remainder().to_vec();
    }

    fn finish(self) -> Result<Vec<Flow>> {
        ensure!(self.rest.is_empty(), "the iterator ended within a flow: {} bytes left", self.rest.len());
        Ok(self.flows)
    }
}

fn attach(program: BorrowedFd<'_>, map: BorrowedFd<'_>) -> Result<OwnedFd> {
    // `union bpf_iter_link_info` begins with the map's descriptor, and that is all of it that is needed.
    let info: u32 = raw(map);
    let asked = LinkCreate {
        prog_fd: raw(program),
        target_fd: 0,
        attach_type: BPF_TRACE_ITER,
        flags: 0,
        iter_info: (&raw const info) as u64,
        iter_info_len: size_of::<u32>() as u32,
        pad: 0,
    };
    bpf(BPF_LINK_CREATE, &asked)
}

/// A descriptor as bpf(2) wants it. Open descriptors are never negative.
fn raw(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

/// A command of bpf(2) that makes a descriptor (always close-on-exec).
fn bpf<T>(command: libc::c_int, attr: &T) -> Result<OwnedFd> {
    // SAFETY: `attr` and what it points to outlive the call, and the kernel is told its size.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attr), size_of::<T>()) };
    ensure!(fd >= 0, std::io::Error::last_os_error());
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(fd)?) })
}

#[cfg(test)]
#[path = "iter_tests.rs"]
mod tests;
