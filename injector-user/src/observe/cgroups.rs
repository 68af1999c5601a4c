//! Round trips of each cgroup: the histograms of its flows, open and ended, added up.

use std::collections::{BTreeMap, HashMap};

use injector_ebpf::{
    flow::{DepKey, DepValue, Flow},
    hist::BUCKETS,
    rtt::FlowRtt,
};

use super::quantile::quantiles;
use crate::api::types::CgroupRttDoc;

/// All cgroups that have flows, by name.
pub fn cgroups<'a>(
    flows: impl Iterator<Item = &'a Flow>,
    histograms: &HashMap<u64, FlowRtt>,
    ended: impl Iterator<Item = &'a (DepKey, DepValue)>,
    mut name: impl FnMut(u64) -> String,
) -> Vec<CgroupRttDoc> {
    let mut sums: BTreeMap<u64, [u64; BUCKETS]> = BTreeMap::new();
    let mut add = |cgroup: u64, rtt: &[u32; BUCKETS]| {
        for (sum, n) in sums.entry(cgroup).or_insert([0; BUCKETS]).iter_mut().zip(rtt) {
            *sum = sum.saturating_add(u64::from(*n));
        }
    };
    // Samples of a flow without a histogram of its own are among the ended ones already.
    for flow in flows {
        if let Some(own) = histograms.get(&flow.cookie) {
            add(flow.cgroup, &own.rtt);
        }
    }
    ended.for_each(|(key, value)| add(key.cgroup, &value.rtt));
    let doc = |(id, rtt): (u64, [u64; BUCKETS])| {
        let q = quantiles(&rtt);
        CgroupRttDoc {
            cgroup: name(id),
            rtt_samples: q.samples,
            rtt_p50_us: q.p50,
            rtt_p90_us: q.p90,
            rtt_p99_us: q.p99,
            rtt_p999_us: q.p999,
            recent: None,
        }
    };
    let mut docs: Vec<_> = sums.into_iter().map(doc).collect();
    docs.sort_by(|a, b| a.cgroup.cmp(&b.cgroup));
    docs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::samples::{ended, flow, histogram};

    #[test]
    fn open_and_ended_flows_of_a_cgroup_are_one_histogram() {
        let slow = flow(7, 41_000, 5, 80, 1_000);
        let flows = [flow(7, 40_000, 4, 80, 400), slow, flow(8, 1_000, 4, 80, 3)];
        let mut histograms: HashMap<_, _> = flows.iter().map(|flow| (flow.cookie, histogram(flow))).collect();
        let mut rtt = [0; BUCKETS];
        rtt[injector_ebpf::hist::bucket(50_000)] = 300;
        histograms.insert(slow.cookie, FlowRtt { cookie: slow.cookie, rtt });
        let docs = cgroups(flows.iter(), &histograms, [ended(7, 4, 80, 300)].iter(), |id| format!("/{id}"));
        assert_eq!(docs.iter().map(|doc| doc.cgroup.as_str()).collect::<Vec<_>>(), ["/7", "/8"]);
        // 700 of 100 us and 300 of 50 ms: no quantile of a part is the whole's.
        assert_eq!(docs[0].rtt_samples, 1_000);
        let (p50, p90) = (docs[0].rtt_p50_us.unwrap(), docs[0].rtt_p90_us.unwrap());
        assert!((90..=110).contains(&p50) && (46_000..=54_000).contains(&p90), "{p50} {p90}");
        assert_eq!((docs[1].rtt_samples, docs[1].rtt_p90_us), (3, None));
    }
}
