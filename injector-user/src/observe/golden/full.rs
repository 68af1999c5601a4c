//! Saturation of the rows, from its own document.

use super::Fill;
use crate::{
    api::types::{PlaceDoc, PlaceKind, SaturationDoc},
    observe::saturation::{heat, pressure_heat},
};

/// Whose a fill is: a cgroup's path, and the service below it, if it is of one.
pub(super) type Whose<'a> = (&'a str, Option<String>);

/// What there is of cgroups and of their dependencies; the node and network namespaces have no row.
pub(super) fn fills(saturation: &SaturationDoc) -> impl Iterator<Item = (Whose<'_>, Vec<Fill>)> {
    saturation.places.iter().filter_map(|place| Some((whose(place)?, of(place))))
}

fn whose(place: &PlaceDoc) -> Option<Whose<'_>> {
    match place.kind {
        PlaceKind::Cgroup => Some((&place.name, None)),
        PlaceKind::Dependency => Some((place.cgroup.as_deref()?, Some(place.name.clone()))),
        PlaceKind::Listener => {
            let (_, port) = place.name.rsplit_once(':')?;
            Some((place.cgroup.as_deref()?, Some(format!("*:{port}"))))
        }
        PlaceKind::Node | PlaceKind::Namespace => None,
    }
}

fn of(place: &PlaceDoc) -> Vec<Fill> {
    let gauges = place.gauges.iter().filter_map(|gauge| {
        Some(Fill { what: words(&gauge.what), percent: gauge.percent?, heat: heat(gauge) })
    });
    let pressures = place.pressures.iter().filter_map(|one| {
        Some(Fill {
            what: format!("pressure of {}", one.what),
            percent: one.some_percent?,
            heat: pressure_heat(one),
        })
    });
    gauges.chain(pressures).collect()
}

fn words(what: &str) -> String {
    what.replace('_', " ")
}

/// The fullest of each kind, the hottest and fullest first.
pub(super) fn fullest<'a>(fills: impl Iterator<Item = &'a Fill>) -> Vec<Fill> {
    let mut most: Vec<Fill> = Vec::new();
    for one in fills {
        match most.iter_mut().find(|fill| fill.what == one.what) {
            Some(fill) if fill.percent < one.percent => *fill = one.clone(),
            Some(_) => {}
            None => most.push(one.clone()),
        }
    }
    most.sort_by(|a, b| b.heat.cmp(&a.heat).then_with(|| b.percent.total_cmp(&a.percent)));
    most
}
