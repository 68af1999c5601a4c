//! What of a fault of calls only makes sense together.

use nix::libc::EINTR;

use crate::{
    error::Error,
    spec::{Draw, FaultKind, PathPattern, Returns, SyscallName},
};

/// Families whose calls return how many bytes or messages they moved.
const MOVE_BYTES: [&str; 9] =
    ["read", "write", "sendto", "recvfrom", "sendfile", "splice", "copy_file_range", "getdents", "getrandom"];

/// Where the dynamic loader and the libraries are that every program needs.
const LIBRARIES: [&str; 4] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];

/// Half of the calls: a program that repeats what was interrupted gets through after two tries in the mean.
const MOST_EINTR: f64 = 0.5;

/// Checks a `fail` by itself.
pub(super) fn calls(fault: &FaultKind) -> Result<(), Error> {
    let FaultKind::Fail { syscall, exact, returns, draw, seed, path, which, .. } = fault else {
        return Ok(());
    };
    which.check(*syscall, *exact)?;
    if seed.is_some() && !matches!(draw, Draw::Chance(_) | Draw::Bursts(_)) {
        return Err(Error::usage("a seed repeats what chance decides, and here it decides nothing")
            .hint("leave out the seed, or write a percent or bursts"));
    }
    if matches!(returns, Returns::Short(_)) {
        short(*syscall, *exact)?;
    }
    let endless = !matches!(draw, Draw::First(_) | Draw::PerSecond(_));
    let interrupts = returns.values().iter().any(|(value, _)| *value == -EINTR);
    if interrupts && endless && draw.share().fraction() > MOST_EINTR {
        return Err(Error::usage(format!("EINTR for more than {} % is no end", MOST_EINTR * 100.0)).hint(
            "programs repeat at once what was interrupted: at a high percent open() never returned (225k retries in \
             3 s); write 50 % or less, first or per_second, or another error",
        ));
    }
    match path {
        Some(path) if endless && draw.share().fraction() >= 1.0 && needs(path) => {
            Err(Error::usage(format!("the dynamic loader's files are below {}", path.as_str())).hint(
                "with all opens failing there no program can be started; write less than 100 %, first or \
                 per_second, or a path further down",
            ))
        }
        _ => Ok(()),
    }
}

fn short(syscall: SyscallName, exact: bool) -> Result<(), Error> {
    let moves = |call: &syscalls::Sysno| {
        let families = MOVE_BYTES.iter().filter_map(|name| name.parse::<SyscallName>().ok());
        families.flat_map(|family| family.members(false)).any(|member| member == *call)
    };
    match syscall.members(exact).iter().find(|call| !moves(call)) {
        None => Ok(()),
        Some(call) => Err(Error::usage(format!("0 from {call} does not mean that it did nothing"))
            .hint(format!("it can be short: {}; else write an errno", MOVE_BYTES.join(", ")))),
    }
}

/// Are the loader's files at or below `path`?
fn needs(path: &PathPattern) -> bool {
    let path = path.as_str();
    let above = |library: &str| {
        library == path || library.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
    };
    let own = |library: &str| {
        let below = path.strip_prefix(library).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
        let file = below.rsplit('/').next().unwrap_or_default();
        file.starts_with("ld-linux") || file.starts_with("libc.so") || file.ends_with("-linux-gnu")
    };
    LIBRARIES.iter().any(|library| above(library) || own(library))
}
