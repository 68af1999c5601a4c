//! A map of the kernel's in our memory.

use std::{
    ffi::c_void,
    num::NonZeroUsize,
    os::fd::{AsRawFd as _, BorrowedFd},
    ptr::NonNull,
    sync::atomic::AtomicU64,
};

use anyhow::{Context as _, Result, ensure};
use aya::Pod;

/// An array with BPF_F_MMAPABLE. Unmapped when it is dropped.
pub struct Mapped {
    at: NonNull<c_void>,
    length: NonZeroUsize,
    writable: bool,
}

// SAFETY: it is memory that belongs to the process, not to a thread.
unsafe impl Send for Mapped {}

impl Mapped {
    /// Maps `length` bytes of the array's values, from `first` on, which is where a page begins.
    ///
    /// # Errors
    /// The map was not made for this, or there is no memory.
    pub fn new(map: BorrowedFd<'_>, first: usize, length: NonZeroUsize) -> Result<Self> {
        Self::made(map, first, length, libc::PROT_READ)
    }

    /// The first `length` bytes of the array's values, which others may write meanwhile: see [`Mapped::words`].
    ///
    /// # Errors
    /// As for [`Mapped::new`].
    pub fn writable(map: BorrowedFd<'_>, length: NonZeroUsize) -> Result<Self> {
        Self::made(map, 0, length, libc::PROT_READ | libc::PROT_WRITE)
    }

    fn made(map: BorrowedFd<'_>, first: usize, length: NonZeroUsize, how: libc::c_int) -> Result<Self> {
        let first = libc::off_t::try_from(first).context("so far on")?;
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let at = unsafe {
            let none = std::ptr::null_mut();
            libc::mmap(none, length.get(), how, libc::MAP_SHARED, map.as_raw_fd(), first)
        };
        ensure!(at != libc::MAP_FAILED, std::io::Error::last_os_error());
        let writable = how & libc::PROT_WRITE != 0;
        Ok(Self { at: NonNull::new(at).context("mapped at 0")?, length, writable })
    }

    /// In bytes.
    pub const fn len(&self) -> usize {
        self.length.get()
    }

    /// The first `count` values, as far as they are mapped. Nobody may write them meanwhile: the kernel's programs do so
    /// only when they are asked to.
    pub fn values<T: Pod>(&self, count: usize) -> &[T] {
        let count = count.min(self.len() / size_of::<T>());
        // SAFETY: mapped, page-aligned, and every bit pattern is a value.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr().cast::<T>(), count) }
    }

    /// Each of the first `count` values, as far as they are mapped, as it is when it is come to. Programs may write it at the
    /// same time: it is no consistent cut through its own fields.
    pub fn each<T: Pod>(&self, count: usize) -> impl Iterator<Item = T> {
        let (first, count) = (self.at.as_ptr().cast::<T>(), count.min(self.len() / size_of::<T>()));
        // SAFETY: mapped, page-aligned, and every bit pattern is a value.
        (0..count).map(move |at| unsafe { first.add(at).read_volatile() })
    }

    /// All of it in words that programs write at the same time. None of what is only to be read.
    pub fn words(&self) -> &[AtomicU64] {
        if !self.writable {
            return &[];
        }
        // SAFETY: mapped to be written, page-aligned, and every bit pattern is a word.
        unsafe {
            std::slice::from_raw_parts(self.at.as_ptr().cast::<AtomicU64>(), self.len() / size_of::<u64>())
        }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and nothing borrows it any more.
        let _unmapped = unsafe { libc::munmap(self.at.as_ptr(), self.len()) };
    }
}
