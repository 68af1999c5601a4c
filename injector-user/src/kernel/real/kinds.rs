//! The programs that tell kinds of latency and of errors apart: attached while anything is watched.

use std::{collections::HashMap, path::Path};

use anyhow::Result;
use aya::programs::{
    CgroupSkbAttachType, Program, fentry::FEntryLink, fexit::FExitLink, tp_btf::BtfTracePointLink,
};
use injector_ebpf::{
    dep::{
        CountKey, DNS_TIMEOUT, DepLost, MOST_COUNTS, MOST_TIMES, QUERY_NS, Query, QueryKey, TimeKey, Times,
    },
    flow::DepKey,
    names,
    rule::CgroupEntry,
};

use crate::{
    kernel::{cgroups::CgroupLinks, ktime, object::Object, storage::storage},
    observe::RawKinds,
};

/// What each program is for, in the words of [`RawKinds::missing`].
const PROGRAMS: [(&str, &str); 7] = [
    (names::DEP_STATE, "handshakes and connects that fail"),
    (names::DEP_TIMEOUT, "timeouts"),
    (names::DEP_RESET_OUT, "resets that are sent"),
    (names::DEP_RESET_IN, "resets that are received"),
    (names::DEP_DROP, "drops by the kernel"),
    // Without these an observed program may be refused what it would get otherwise.
    (names::ROOM, "what a program's own calls need of optmem_max is not given back to it"),
    (names::ROOM_FILTER, "nor what its socket filters need"),
];

/// Held for its descriptor.
#[derive(Debug)]
#[expect(dead_code, reason = "held for their descriptors")]
enum Held {
    Tracepoint(BtfTracePointLink),
    Entry(FEntryLink),
    Exit(FExitLink),
}

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Kinds {
    tx: CgroupLinks,
    rx: CgroupLinks,
    attached: bool,
    held: Vec<Held>,
    missing: Vec<String>,
    /// DNS queries that were given up, by dependency. The kernel counts those that it sees to be late itself.
    unanswered: HashMap<DepKey, u64>,
}

impl Default for Kinds {
    fn default() -> Self {
        Self {
            tx: CgroupLinks::new(names::DEP_TX, CgroupSkbAttachType::Egress),
            rx: CgroupLinks::new(names::DEP_RX, CgroupSkbAttachType::Ingress),
            attached: false,
            held: Vec::new(),
            missing: Vec::new(),
            unanswered: HashMap::new(),
        }
    }
}

impl Kinds {
    /// Observes what is below `roots`; without any, nothing stays attached. A tracepoint that this kernel lacks, or refuses,
    /// is one kind less.
    ///
    /// # Errors
    /// The kernel refused the programs on cgroups.
    pub(super) fn follow(&mut self, object: &mut Object, root: &Path, roots: &[String]) -> Result<()> {
        if roots.is_empty() {
            self.held.clear();
            self.attached = false;
        } else if !self.attached {
            self.attached = true;
            self.attach(object);
        }
        self.tx.follow(object, root, roots)?;
        self.rx.follow(object, root, roots)?;
        self.sweep(object)
    }

    fn attach(&mut self, object: &mut Object) {
        self.missing.clear();
        if let Err(error) = storage(object) {
            self.missing.push(format!("flows, connects that fail, and all latencies but dns: {error:#}"));
        }
        let accept = if object.probes().old_accept { names::DEP_ACCEPT4 } else { names::DEP_ACCEPT };
        for (name, what) in PROGRAMS.into_iter().chain([(accept, "the wait to be accepted")]) {
            match hold(object, name) {
                Ok(Some(held)) => self.held.push(held),
                Ok(None) => {}
                Err(error) => self.missing.push(format!("{what}: {error:#}")),
            }
        }
    }

    /// Gives up queries that nobody has answered.
    fn sweep(&mut self, object: &mut Object) -> Result<()> {
        let now = now();
        let mut queries = object.hash::<QueryKey, Query>(names::DEP_QUERIES)?;
        let late: Vec<_> =
            queries.iter().flatten().filter(|(_, query)| now.saturating_sub(query.at) >= QUERY_NS).collect();
        for (key, query) in late {
            // An answer may have been first: then the kernel has counted it.
            if queries.remove(&key).is_ok() {
                *self.unanswered.entry(query.dep).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Everything that was seen so far.
    ///
    /// # Errors
    /// The kernel refused a read.
    pub(super) fn read(&mut self, object: &mut Object) -> Result<RawKinds> {
        self.sweep(object)?;
        let times: Vec<(TimeKey, Times)> = object.hash(names::DEP_TIMES)?.iter().flatten().collect();
        let mut counts: Vec<(CountKey, u64)> = object.hash(names::DEP_COUNTS)?.iter().flatten().collect();
        make_room(object, &times, &counts)?;
        counts.extend(self.unanswered.iter().map(|(dep, count)| {
            let key = CountKey { dep: *dep, what: DNS_TIMEOUT, detail: 0 };
            (key, *count)
        }));
        Ok(RawKinds {
            times,
            counts,
            lost: object.array::<DepLost>(names::DEP_LOST)?.get(&0, 0)?,
            reasons: object.probes().drop_reasons.clone(),
            missing: self.missing.clone(),
            ..RawKinds::default()
        })
    }
}

/// Of cgroups that nobody watches any more, when the tables are half full.
fn make_room(object: &mut Object, times: &[(TimeKey, Times)], counts: &[(CountKey, u64)]) -> Result<()> {
    if times.len() < MOST_TIMES as usize / 2 && counts.len() < MOST_COUNTS as usize / 2 {
        return Ok(());
    }
    let known: Vec<u64> = object.hash::<u64, CgroupEntry>(names::CGROUPS)?.keys().flatten().collect();
    let mut map = object.hash::<TimeKey, Times>(names::DEP_TIMES)?;
    for (key, _) in times.iter().filter(|(key, _)| !known.contains(&key.dep.cgroup)) {
        let _gone = map.remove(key);
    }
    let mut map = object.hash::<CountKey, u64>(names::DEP_COUNTS)?;
    for (key, _) in counts.iter().filter(|(key, _)| !known.contains(&key.dep.cgroup)) {
        let _gone = map.remove(key);
    }
    Ok(())
}

fn hold(object: &mut Object, name: &str) -> Result<Option<Held>> {
    object.load_program(name)?;
    Ok(match object.program(name)? {
        Program::BtfTracePoint(program) => {
            let link = program.attach()?;
            Some(Held::Tracepoint(program.take_link(link)?))
        }
        Program::FEntry(program) => {
            let link = program.attach()?;
            Some(Held::Entry(program.take_link(link)?))
        }
        Program::FExit(program) => {
            let link = program.attach()?;
            Some(Held::Exit(program.take_link(link)?))
        }
        _ => None,
    })
}

/// Nanoseconds of the clock that the programs read.
pub(super) fn now() -> u64 {
    u64::try_from(ktime().as_nanos()).unwrap_or(u64::MAX)
}
