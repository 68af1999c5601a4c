//! aya's loader, made without the kernel's types.

use aya::EbpfLoader;
use nix::{
    sched::{CloneFlags, unshare},
    unistd::chroot,
};

/// A place where there is no `/sys/kernel/btf`.
const ELSEWHERE: &str = "/sys";

/// A loader, which relocates nothing by the kernel's types: our programs are told offsets by the daemon, see `fields`.
///
/// `EbpfLoader::new` reads all of these types each time and makes 20 MB of small pieces of them, and there is no other
/// way to make one. So it is made where they are not. If that is not allowed, it is made as it always is.
pub fn loader() -> EbpfLoader<'static> {
    elsewhere(EbpfLoader::new).unwrap_or_default()
}

/// What `make` makes in a thread that has a root of its own, without the kernel's types.
fn elsewhere<T: Send>(make: fn() -> T) -> Option<T> {
    let run = || {
        unshare(CloneFlags::CLONE_FS).ok()?;
        chroot(ELSEWHERE).ok()?;
        Some(make())
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("loader".into()).spawn_scoped(scope, run).ok()?;
        thread.join().ok()?
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use aya::Btf;

    use super::{super::object::OBJECT, *};

    #[test]
    fn there_are_no_types_there_and_our_own_root_stays_where_it_is() {
        if !nix::unistd::geteuid().is_root() || Btf::from_sys_fs().is_err() {
            println!("SKIP there_are_no_types_there_and_our_own_root_stays_where_it_is: needs root and BTF");
            return;
        }
        let root = || std::fs::metadata("/").map(|root| (root.dev(), root.ino())).unwrap();
        let before = root();
        assert_eq!(elsewhere(|| Btf::from_sys_fs().is_ok()), Some(false));
        assert_eq!(root(), before);
        assert!(Btf::from_sys_fs().is_ok());
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
