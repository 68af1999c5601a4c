//! Cgroups by the names that people know: the same on every screen. All of it is other people's text.

use std::collections::HashMap;

use super::figures::count;
use crate::api::types::OwnerDoc;

/// How much of a container's id is shown, as the runtimes do.
const ID: usize = 12;
/// Programs that are told one by one.
const PROGRAMS: usize = 5;

/// What to call each cgroup, by path: `pod:shop/web-0 app`, `container:db`, and its path where that tells most, or where
/// another one would have the same name.
pub fn names(owners: &[OwnerDoc]) -> HashMap<&str, String> {
    let called: Vec<_> = owners.iter().map(|owner| (owner.cgroup.as_str(), name(owner))).collect();
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for name in called.iter().filter_map(|(_, name)| name.as_deref()) {
        *uses.entry(name).or_default() += 1;
    }
    let only = |name: &&String| uses.get(name.as_str()) == Some(&1);
    let or_path = |path: &str, name: Option<&String>| name.cloned().unwrap_or_else(|| path.to_owned());
    called.iter().map(|(path, name)| (*path, or_path(path, name.as_ref().filter(only)))).collect()
}

/// A name for it that is not its path.
fn name(owner: &OwnerDoc) -> Option<String> {
    let container = owner.container.clone().or_else(|| short_id(owner));
    let name = match (pod(owner), container) {
        (Some(pod), Some(container)) => format!("pod:{pod} {container}"),
        (Some(pod), None) => format!("pod:{pod}"),
        (None, Some(container)) => format!("container:{container}"),
        (None, None) => return None,
    };
    Some(format!("{name}{}", owner.inside))
}

fn pod(owner: &OwnerDoc) -> Option<String> {
    let (namespace, pod) = owner.namespace.as_ref().zip(owner.pod.as_ref())?;
    Some(format!("{namespace}/{pod}"))
}

fn short_id(owner: &OwnerDoc) -> Option<String> {
    owner.container_id.as_ref().map(|id| id.chars().take(ID).collect())
}

/// The unit, the container and the pod: each in words.
pub fn known_as(owner: &OwnerDoc) -> Vec<String> {
    let container = match (&owner.container, short_id(owner)) {
        (Some(name), Some(id)) if !name.starts_with(&id) => Some(format!("container {name} ({id})")),
        (Some(name), _) => Some(format!("container {name}")),
        (None, id) => id.map(|id| format!("container {id}")),
    };
    let pod = pod(owner).map(|pod| format!("pod {pod}"));
    let unit = owner.unit.as_ref().map(|unit| format!("unit {unit}"));
    [pod, container, unit].into_iter().flatten().collect()
}

/// `nginx 4`: what runs there, and how many more processes there are. Nothing: no process, or nobody counted.
pub fn programs(owner: &OwnerDoc) -> Vec<String> {
    let (shown, rest) = owner.programs.split_at(owner.programs.len().min(PROGRAMS));
    let mut said: Vec<_> = shown
        .iter()
        .map(|one| match one.processes {
            1 => one.name.clone(),
            n => format!("{} {}", one.name, count(n)),
        })
        .collect();
    let more = rest.iter().fold(owner.other_processes, |sum, one| sum.saturating_add(one.processes));
    if more > 0 {
        said.push(format!("{} more", count(more)));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::ProgramDoc;

    fn owner(cgroup: &str, container: Option<&str>, id: Option<&str>, pod: Option<&str>) -> OwnerDoc {
        OwnerDoc {
            cgroup: cgroup.into(),
            container: container.map(Into::into),
            container_id: id.map(|id| id.repeat(16)),
            namespace: pod.map(|_| "shop".into()),
            pod: pod.map(Into::into),
            ..OwnerDoc::default()
        }
    }

    #[test]
    fn a_cgroup_is_called_by_what_tells_most() {
        let inside = OwnerDoc {
            inside: "/init".into(),
            ..owner("/p/a/init", Some("app"), Some("4f2a"), Some("web-0"))
        };
        let unit =
            OwnerDoc { unit: Some("nginx.service".into()), ..owner("/s/nginx.service", None, None, None) };
        let all = [
            owner("/p", None, None, Some("web-0")),
            owner("/p/a", Some("app"), Some("4f2a"), Some("web-0")),
            owner("/p/b", None, Some("5f2a"), Some("web-0")),
            inside,
            owner("/d/c", Some("db"), Some("6f2a"), None),
            owner("/d/d", None, Some("7f2a"), None),
            unit,
        ];
        let names = names(&all);
        let said: Vec<_> = all.iter().map(|owner| names[owner.cgroup.as_str()].as_str()).collect();
        assert_eq!(
            said,
            [
                "pod:shop/web-0",
                "pod:shop/web-0 app",
                "pod:shop/web-0 5f2a5f2a5f2a",
                "pod:shop/web-0 app/init",
                "container:db",
                "container:7f2a7f2a7f2a",
                "/s/nginx.service",
            ]
        );
        assert_eq!(known_as(&all[1]), ["pod shop/web-0", "container app (4f2a4f2a4f2a)"]);
        assert_eq!(known_as(&all[5]), ["container 7f2a7f2a7f2a"]);
        assert_eq!(known_as(&all[6]), ["unit nginx.service"]);
    }

    #[test]
    fn two_of_one_name_are_told_by_their_paths() {
        let all = ["/a", "/b"].map(|path| owner(path, Some("app"), None, None));
        assert_eq!(names(&all), HashMap::from([("/a", "/a".to_owned()), ("/b", "/b".to_owned())]));
    }

    #[test]
    fn programs_are_few_words() {
        let some = |n: u64| (0..n).map(|i| ProgramDoc { name: format!("p{i}"), processes: n - i }).collect();
        let of = |n, others| OwnerDoc { programs: some(n), other_processes: others, ..OwnerDoc::default() };
        assert_eq!(programs(&of(2, 0)), ["p0 2", "p1"]);
        assert_eq!(programs(&of(7, 1_000)), ["p0 7", "p1 6", "p2 5", "p3 4", "p4 3", "1,003 more"]);
        assert!(programs(&of(0, 0)).is_empty());
    }
}
