//! aya's loader, made without the kernel's types.

use std::io::{Error, Result};

use aya::EbpfLoader;
use libc::{c_ulong, seccomp_data, sock_filter, sock_fprog};

/// The calls that open a file: they find none.
const OPENING: &[libc::c_long] = &[
    libc::SYS_openat,
    libc::SYS_openat2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
];

/// A loader, which relocates nothing by the kernel's types: our programs are told offsets by the daemon, see `fields`.
///
/// `EbpfLoader::new` reads all of these types each time and makes 20 MB of small pieces of them, and there is no other
/// way to make one. So it is made where no file can be opened. If that is not to be had, it is made as it always is.
pub fn loader() -> EbpfLoader<'static> {
    without_files(EbpfLoader::new).unwrap_or_else(|error| {
        tracing::debug!("the loader reads the kernel's types: {error}");
        EbpfLoader::new()
    })
}

/// What `make` makes in a thread that cannot open a file. Not by a root of its own: the unit leaves the daemon no right to
/// chroot, and any thread may have a filter that takes from it.
fn without_files<T: Send>(make: fn() -> T) -> Result<T> {
    let run = || {
        refuse_opening()?;
        Ok(make())
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("loader".into()).spawn_scoped(scope, run)?;
        thread.join().unwrap_or_else(|_| Err(Error::other("its thread died")))
    })
}

/// From now on this thread is told that there is no such file.
fn refuse_opening() -> Result<()> {
    let step = |code: u32, jt: u8, k: u32| sock_filter { code: code as u16, jt, jf: 0, k };
    let mut filter = vec![step(
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        0,
        std::mem::offset_of!(seccomp_data, nr) as u32,
    )];
    for (done, call) in OPENING.iter().enumerate() {
        let to_refusal = (OPENING.len() - done) as u8;
        filter.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, to_refusal, *call as u32));
    }
    filter.push(step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW));
    filter.push(step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | libc::ENOENT as u32));
    let program = sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    let (one, zero): (c_ulong, c_ulong) = (1, 0);
    // SAFETY: both are of this thread alone; the program outlives the call, which copies it.
    let refused = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, one, zero, zero, zero) != 0
            || libc::prctl(libc::PR_SET_SECCOMP, c_ulong::from(libc::SECCOMP_MODE_FILTER), &raw const program)
                != 0
    };
    if refused { Err(Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use aya::Btf;

    use super::{super::object::OBJECT, *};

    #[test]
    fn there_are_no_types_there_and_here_they_are_as_before() {
        let here = Btf::from_sys_fs().is_ok();
        assert!(!without_files(|| Btf::from_sys_fs().is_ok()).unwrap());
        assert!(without_files(|| std::fs::read("/proc/self/stat").is_err()).unwrap(), "no file at all");
        assert_eq!(Btf::from_sys_fs().is_ok(), here);
        assert!(std::fs::read("/proc/self/stat").is_ok());
        assert!(without_files(EbpfLoader::new).is_ok());
    }

    #[test]
    fn no_program_is_relocated_by_them() {
        if OBJECT.is_empty() {
            println!("SKIP no_program_is_relocated_by_them: built without the kernel programs");
            return;
        }
        assert!(!aya_obj::Object::parse(OBJECT).unwrap().has_btf_relocations());
    }
}
