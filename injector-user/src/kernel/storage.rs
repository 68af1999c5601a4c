//! Whether sockets get storage here: flows, round trips and what is under way on a connection are kept there.

use std::os::unix::net::UnixDatagram;

use anyhow::{Context as _, Result};
use injector_ebpf::{flow::Seen, names};

use super::object::Object;

/// Gives a socket of our own some, and ends it. Only that tells: maps can be made and programs loaded also where no
/// socket ever gets any.
///
/// # Errors
/// What the kernel said, and why it is so where that is known.
pub fn storage(object: &mut Object) -> Result<()> {
    let socket = UnixDatagram::unbound().context("a socket to try it on")?;
    let given = object.socket_storage::<Seen>(names::SEEN)?.insert(&socket, Seen::default(), 0);
    given.with_context(|| format!("the kernel gives sockets no storage{}", why(has_cx16(), &release())))
}

/// More than a socket's own program asks for, but where it is about to use all that there is.
const ROOM: u32 = 8 * 1024;

/// So many bytes may be charged to a socket before what we keep on it goes: half of what the kernel allows, which is
/// `optmem_max` of this network namespace, at most 8 KiB.
pub(super) fn room() -> u32 {
    let text = std::fs::read_to_string("/proc/sys/net/core/optmem_max").unwrap_or_default();
    text.trim().parse().map_or(ROOM, |most: u32| ROOM.min(most / 2))
}

fn release() -> String {
    nix::sys::utsname::uname().map(|uname| uname.release().to_string_lossy().into_owned()).unwrap_or_default()
}

/// Since 7.1 the kernel takes it from an allocator that needs the instruction; before, it refuses for other reasons.
fn why(cx16: bool, release: &str) -> &'static str {
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let version = parts.next().zip(parts.next());
    let older = matches!(version, Some((Ok(major), Ok(minor))) if (major, minor) < (7, 1));
    if cx16 || older {
        ""
    } else {
        ": since 7.1 it needs a processor with cmpxchg16b for that, and this one, or the virtual machine's model of it, has \
         none (flag cx16)"
    }
}

#[cfg(target_arch = "x86_64")]
fn has_cx16() -> bool {
    std::is_x86_feature_detected!("cmpxchg16b")
}

/// Others have an instruction for it always.
#[cfg(not(target_arch = "x86_64"))]
fn has_cx16() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nix::sched::{CloneFlags, unshare};

    use super::*;

    /// What a socket's options may take, its storage included; each network namespace has its own since 6.8.
    const MOST: &str = "/proc/sys/net/core/optmem_max";

    #[test]
    fn a_socket_that_gets_none_is_told_from_one_that_does() {
        let test = "a_socket_that_gets_none_is_told_from_one_that_does";
        if !nix::unistd::geteuid().is_root() {
            println!("SKIP {test}: needs root");
            return;
        }
        let mut object = match Object::load(8) {
            Err(error) if error.to_string().contains("built without") => {
                println!("SKIP {test}: {error:#}");
                return;
            }
            loaded => loaded.unwrap(),
        };
        storage(&mut object).unwrap();
        std::thread::scope(|scope| {
            let refused = scope.spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET).unwrap();
                if fs::write(MOST, "1").is_err() {
                    println!("SKIP {test}: before 6.8 the limit is the whole host's");
                    return None;
                }
                Some(storage(&mut object).unwrap_err())
            });
            let Some(error) = refused.join().unwrap() else { return };
            let text = format!("{error:#}");
            assert!(
                text.starts_with("the kernel gives sockets no storage") && text.contains("memory"),
                "{text}"
            );
        });
    }

    #[test]
    fn the_processor_is_named_only_where_it_lacks_the_instruction() {
        assert_eq!(why(true, "7.2.0"), "");
        for release in ["7.1", "7.2-rc3", "7.10.1-amd64", "8.0.0", "odd"] {
            assert!(why(false, release).contains("cx16"), "{release}");
        }
        for release in ["6.1.0-30-amd64", "6.18.1", "7.0.4"] {
            assert_eq!(why(false, release), "", "{release}");
        }
    }
}
