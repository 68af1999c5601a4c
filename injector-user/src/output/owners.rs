//! Who the cgroups of the dependencies are: labels to join the other metrics with.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{families::Families, shown::Series};
use crate::api::types::OwnerDoc;

/// Adds a series for each cgroup that a dependency with series of its own is of, and that has a name besides its path.
/// Programs are no labels: they are other ones all the time.
pub fn add(page: &Families, owners: &[OwnerDoc], dependencies: &[Series]) -> Result<()> {
    let info = page.gauge(
        "injector_cgroup_info",
        "Always 1; the systemd unit, or the container and the pod, that a cgroup is of.",
        &["cgroup", "unit", "namespace", "pod", "container", "container_id"],
    )?;
    let shown: BTreeSet<&str> = dependencies.iter().map(|series| series.name[0].as_str()).collect();
    for owner in owners.iter().filter(|owner| shown.contains(owner.cgroup.as_str())) {
        let names = [&owner.unit, &owner.namespace, &owner.pod, &owner.container, &owner.container_id];
        if names.iter().all(|name| name.is_none()) {
            continue;
        }
        let [unit, namespace, pod, container, id] = names.map(|name| name.as_deref().unwrap_or_default());
        info.with_label_values(&[&owner.cgroup, unit, namespace, pod, container, id]).set(1.0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::output::{samples::dependency, shown::Shown};

    #[test]
    fn cgroups_that_have_series_and_a_name_have_one_series_each() {
        let page = Families::default();
        let of = |cgroup: &str, unit: Option<&str>, pod: Option<&str>| OwnerDoc {
            cgroup: cgroup.into(),
            unit: unit.map(Into::into),
            namespace: pod.map(|_| "shop".into()),
            pod: pod.map(Into::into),
            ..OwnerDoc::default()
        };
        let mut dependencies = [1, 2, 3].map(|n| dependency(&format!("10.0.0.{n}:1"), n));
        "/pod".clone_into(&mut dependencies[1].cgroup);
        "/nobody".clone_into(&mut dependencies[2].cgroup);
        let owners = [
            of("/app", Some("a.service"), None),
            of("/pod", None, Some("web\"-0")),
            of("/nobody", None, None),
            of("/elsewhere", Some("b.service"), None),
        ];
        add(&page, &owners, &Shown::default().take(Instant::now(), &dependencies)).unwrap();
        let text = page.text().unwrap();
        let series: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            series,
            [
                r#"injector_cgroup_info{cgroup="/app",container="",container_id="",namespace="",pod="",unit="a.service"} 1"#,
                r#"injector_cgroup_info{cgroup="/pod",container="",container_id="",namespace="shop",pod="web\"-0",unit=""} 1"#,
            ]
        );
    }
}
