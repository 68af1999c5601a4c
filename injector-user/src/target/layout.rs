//! How container runtimes name cgroups. Pure.
//!
//! By systemd's driver, a container is a scope: `docker-ID.scope`, `libpod-ID.scope`, `cri-containerd-ID.scope`,
//! `crio-ID.scope`. By the cgroupfs driver it is a directory: `/docker/ID`, `/libpod_parent/libpod-ID`,
//! `/kubepods/burstable/podUID/ID`. A pod is a slice, `kubepods-burstable-podUID.slice` with `_` for `-`, or a
//! directory `podUID` somewhere below `kubepods`. Everything may be further down, as in a node that is itself a
//! container. A kubelet that means systemd's driver where containerd uses cgroupfs makes one directory of three parts,
//! `kubepods-podUID.slice:cri-containerd:ID`.

/// The letters of an id: 64 hex digits.
const ID: usize = 64;

/// What stands before an id; the longer of two that begin alike first. `libpod-conmon-` and `crio-conmon-` are the
/// runtime's own monitors, not containers.
const PREFIXES: [&str; 6] = ["docker-", "libpod-payload-", "libpod-", "cri-containerd-", "crio-", "nerdctl-"];

/// The kinds of unit that have processes.
const UNITS: [&str; 5] = ["service", "scope", "mount", "socket", "swap"];

/// The id of the container whose cgroup has this name.
pub(super) fn container(name: &str) -> Option<&str> {
    let name = name.rsplit(':').next().unwrap_or(name);
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let id = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    is_id(id).then_some(id)
}

/// The unit whose cgroup has this name: one that has processes, so no slice. systemd puts a `_` before a name that would
/// look like a file of the kernel's.
pub(super) fn unit(name: &str) -> Option<&str> {
    let name = name.strip_prefix('_').unwrap_or(name);
    let (stem, kind) = name.rsplit_once('.')?;
    (!stem.is_empty() && UNITS.contains(&kind)).then_some(name)
}

/// Is this a container's whole id?
pub(super) fn is_id(text: &str) -> bool {
    text.len() == ID && is_hex(text)
}

/// Only the digits that ids are made of?
pub(super) fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The uid of the pod whose cgroup is at `path`, as [`uid`] has it.
pub(super) fn pod(path: &str) -> Option<String> {
    let (above, name) = path.rsplit_once('/')?;
    let found = match name.strip_suffix(".slice") {
        // `kubepods-podUID`, `kubepods-burstable-podUID`, and with a root of the kubelet's own a prefix before that.
        Some(slice) => {
            let (kind, found) = slice.rsplit_once("-pod")?;
            kind.split('-').any(|part| part == "kubepods").then_some(found)?
        }
        None => above.split('/').any(|part| part == "kubepods").then(|| name.strip_prefix("pod"))??,
    };
    let uid = uid(found);
    (!uid.is_empty()).then_some(uid)
}

/// A pod's uid without what cgroup drivers change in it.
pub(super) fn uid(text: &str) -> String {
    text.chars().filter(|letter| !matches!(letter, '-' | '_')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers() {
        let id = "4f2a".repeat(16);
        for form in [
            "docker-ID.scope",
            "libpod-ID.scope",
            "libpod-payload-ID",
            "libpod-ID",
            "cri-containerd-ID.scope",
            "crio-ID.scope",
            "crio-ID",
            "nerdctl-ID.scope",
            "kubepods-pod0a1b.slice:cri-containerd:ID",
            "ID",
        ] {
            assert_eq!(container(&form.replace("ID", &id)), Some(id.as_str()), "{form}");
        }
        for other in [
            "libpod-conmon-ID.scope",
            "crio-conmon-ID.scope",
            "docker-ID.service",
            "docker-IDa.scope",
            "init-ID.scope",
            "docker-.scope",
            "",
        ] {
            assert_eq!(container(&other.replace("ID", &id)), None, "{other}");
        }
        assert_eq!(container(&format!("docker-{}.scope", id.to_uppercase())), None);
    }

    #[test]
    fn units() {
        for (name, is) in [
            ("nginx.service", Some("nginx.service")),
            ("session-3.scope", Some("session-3.scope")),
            ("mnt-data.mount", Some("mnt-data.mount")),
            ("_cpu.service", Some("cpu.service")),
            ("system.slice", None),
            (".service", None),
            ("service", None),
            ("4f2a", None),
        ] {
            assert_eq!(unit(name), is, "{name}");
        }
    }

    #[test]
    fn pods() {
        let slices = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod";
        for (path, uid) in [
            (format!("{slices}0a1b_22.slice"), "0a1b22"),
            ("/kubepods.slice/kubepods-pod0a1b_22.slice".into(), "0a1b22"),
            ("/kubelet.slice/kubelet-kubepods-besteffort-pod0a1b_22.slice".into(), "0a1b22"),
            ("/kubepods/burstable/pod0a1b-22".into(), "0a1b22"),
            ("/kubelet/kubepods/pod0a1b-22".into(), "0a1b22"),
        ] {
            assert_eq!(pod(&path).as_deref(), Some(uid), "{path}");
        }
        for path in [
            "/kubepods.slice/kubepods-burstable.slice",
            "/kubepods/burstable",
            "/kubepods/burstable/pod",
            "/machine.slice/machine-libpod_pod_0a1b.slice",
            "/system.slice/my-pod0a1b.slice",
            "/podman.service",
            "/",
            "",
        ] {
            assert_eq!(pod(path), None, "{path}");
        }
    }
}
