//! aya's loader, made without the kernel's types.

use std::io::{Error, Result};

use aya::EbpfLoader;

use super::seccomp::{self, ALLOW, NUMBER, answer, errno, load, test};

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
    let mut filter = vec![load(NUMBER)];
    for call in OPENING {
        filter.extend([test(libc::BPF_JEQ, *call as u32, 0, 1), answer(errno(libc::ENOENT))]);
    }
    filter.push(answer(ALLOW));
    // Of this thread alone, as the filter is.
    nix::sys::prctl::set_no_new_privs()?;
    seccomp::install(filter)
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
