//! Who is behind the cgroups of a table.

use std::collections::HashMap;

use super::table::Table;
use crate::{
    api::types::OwnerDoc,
    observe::owners::{known_as, names, programs},
};

/// What to call the cgroups of a document.
pub(super) struct Names<'a>(HashMap<&'a str, String>);

impl<'a> Names<'a> {
    pub(super) fn new(owners: &'a [OwnerDoc]) -> Self {
        Self(names(owners))
    }

    /// Its name; its path if nobody told one.
    pub(super) fn of(&self, path: &str) -> String {
        self.0.get(path).cloned().unwrap_or_else(|| path.to_owned())
    }
}

/// Those of whom anything is known, by name. The path is there where the name is another.
pub(super) fn table<'a>(owners: impl Iterator<Item = &'a OwnerDoc>, names: &Names<'_>) -> Table {
    let mut table = Table::new(&["CGROUP", "PROGRAMS", "KNOWN AS", "PATH"]);
    let mut rows: Vec<_> = owners
        .map(|owner| {
            let name = names.of(&owner.cgroup);
            let path = if name == owner.cgroup { String::new() } else { owner.cgroup.clone() };
            [name, programs(owner).join(", "), known_as(owner).join(", "), path]
        })
        .filter(|[_, programs, known, _]| !programs.is_empty() || !known.is_empty())
        .collect();
    rows.sort();
    rows.into_iter().for_each(|row| table.row(row));
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::ProgramDoc;

    fn of(owners: &[OwnerDoc]) -> Table {
        table(owners.iter(), &Names::new(owners))
    }

    #[test]
    fn names_are_explained_below_the_rows() {
        let web = OwnerDoc {
            cgroup: "/docker/4f2a".into(),
            container: Some("web\u{1b}[2J\u{202e}".into()),
            container_id: Some("4f2a".repeat(16)),
            programs: vec![ProgramDoc { name: "nginx".into(), processes: 4 }],
            ..OwnerDoc::default()
        };
        let unit = OwnerDoc {
            cgroup: "/system.slice/a.service".into(),
            unit: Some("a.service".into()),
            ..OwnerDoc::default()
        };
        let nobody = OwnerDoc { cgroup: "/empty".into(), ..OwnerDoc::default() };
        assert_eq!(
            of(&[web, unit, nobody]).lines(),
            [
                "CGROUP                   PROGRAMS  KNOWN AS                           PATH",
                "/system.slice/a.service            unit a.service",
                "container:web?[2J?       nginx 4   container web?[2J? (4f2a4f2a4f2a)  /docker/4f2a",
            ]
        );
        assert!(of(&[]).is_empty());
    }
}
