//! What a container can be called.

use crate::error::Error;

/// The longest name in bytes: Docker's and containerd's become names of files.
const LONGEST: usize = 255;

/// An id or a name: letters and digits, and `_`, `.` and `-` behind the first one, as Docker, Podman and containerd
/// all have it.
pub(super) fn checked(name: &str) -> Result<String, Error> {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !starts || name.len() > LONGEST || !name.bytes().all(inner) {
        return Err(Error::usage(format!("`{}` is not a container's id or name", name.escape_debug()))
            .hint("write it as `docker ps`, `podman ps` or `crictl ps` shows it, such as container:4f2a8b"));
    }
    Ok(name.to_owned())
}
