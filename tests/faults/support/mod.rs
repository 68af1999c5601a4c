//! A world for one test: two network namespaces joined by a veth pair, a victim and a control cgroup, and a
//! daemon of its own. Dropping it takes everything away, also when the test fails.

pub mod came;
pub mod cgroup;
pub mod child;
pub mod daemon;
pub mod dnat;
pub mod lent;
pub mod link;
pub mod netns;
pub mod statistics;
pub mod stream;
pub mod traffic;

use cgroup::Cgroup;
use child::Child;
use daemon::Daemon;
use netns::Netns;
use traffic::Receiver;

/// Where the target's processes are, and their peer.
pub const HERE: &str = "10.77.0.1";
pub const THERE: &str = "10.77.0.2";
pub const HERE6: &str = "fd77::1";
pub const THERE6: &str = "fd77::2";

pub struct World {
    pub daemon: Daemon,
    pub victim: Cgroup,
    pub control: Cgroup,
    /// Holds the cgroups; dropped after them.
    _parent: Cgroup,
    pub here: Netns,
    pub there: Netns,
}

impl World {
    pub fn new() -> Self {
        Self::with("")
    }

    /// For tests that change nothing but faults, and do not ask what was before: see [`lent`].
    pub fn lent() -> lent::Lent {
        lent::take()
    }

    /// `limits` is the text of the limits file; empty: none.
    pub fn with(limits: &str) -> Self {
        Self::made(limits, None, patience(), |_| String::new())
    }

    /// With the lease that a daemon has if nothing is said: in an emulated guest one program can take longer to be
    /// attached, and a lapsed lease is final.
    pub fn with_usual_lease() -> Self {
        Self::made("", None, USUAL_LEASE, |_| String::new())
    }

    /// Its daemon finds `hosts` (the text of the file, see hosts(5)) where others find the machine's /etc/hosts.
    pub fn with_hosts(hosts: &str) -> Self {
        Self::made("", Some(hosts), patience(), |_| String::new())
    }

    /// The same, and `name` of them is a peer's that dependencies are shown with.
    pub fn naming_peers(hosts: &str, name: &str) -> Self {
        Self::made("", Some(hosts), patience(), |_| format!("peer_names: [{name}]"))
    }

    /// Both cgroups are observed from the start on; `more` are other lines of the configuration.
    pub fn watching(more: &str) -> Self {
        let watch = |[victim, control]: [&Cgroup; 2]| {
            format!("watch: ['cgroup:{}', 'cgroup:{}']\n{more}", victim.path, control.path)
        };
        Self::made("", None, patience(), watch)
    }

    fn made(
        limits: &str,
        hosts: Option<&str>,
        lease: &str,
        more: impl FnOnce([&Cgroup; 2]) -> String,
    ) -> Self {
        lent::end_left();
        let (here, there) = (Netns::new(), Netns::new());
        here.ip("link add v0 type veth peer name v1");
        here.ip(&format!("link set v1 netns {}", there.path()));
        for (ns, link, v4, v6) in [(&here, "v0", HERE, HERE6), (&there, "v1", THERE, THERE6)] {
            ns.ip(&format!("addr add {v4}/24 dev {link}"));
            ns.ip(&format!("addr add {v6}/64 dev {link} nodad"));
            ns.ip(&format!("link set {link} up"));
            ns.ip("link set lo up");
        }
        let parent = Cgroup::new(&format!("inj-test-{}", std::process::id()));
        let (victim, control) = (parent.child("victim"), parent.child("control"));
        let config = format!("lease: {lease}\n{}", more([&victim, &control]));
        let daemon = Daemon::start(&here, limits, hosts, &config);
        Self { daemon, victim, control, _parent: parent, here, there }
    }

    /// Runs `f` in the victim's cgroup.
    pub fn in_victim(&self, f: impl FnOnce() -> String) -> Child {
        child::fork(Some(&self.victim), &self.here, f)
    }

    /// Runs `f` in the control cgroup beside it.
    pub fn in_control(&self, f: impl FnOnce() -> String) -> Child {
        child::fork(Some(&self.control), &self.here, f)
    }

    /// Runs `f` at the other end.
    pub fn over_there(&self, f: impl FnOnce() -> String) -> Child {
        child::fork(None, &self.there, f)
    }

    /// Receives numbered datagrams at the other end.
    pub fn receiver(&self, ip: &'static str, port: u16) -> Receiver {
        Receiver::start(None, &self.there, ip, port)
    }

    /// `cgroup:/inj-test-1/victim`
    pub fn target(&self) -> String {
        format!("cgroup:{}", self.victim.path)
    }
}

const USUAL_LEASE: &str = "2s";

/// The lease of a daemon of the tests: the usual one, or the longest there can be where everything is slow.
fn patience() -> &'static str {
    if kernel() == "native" { USUAL_LEASE } else { "10s" }
}

/// Which kernel this is, as the harness names it: `native`, `6.1`, `6.12`, `6.1-override`.
pub fn kernel() -> String {
    std::env::var("INJECTOR_KERNEL").unwrap_or_else(|_| "native".into())
}

/// How much of something: the soak's figure if `INJECTOR_SOAK` is set, CI's otherwise, and less under emulation.
pub fn figure(ci: u64, soak: u64, emulated: u64) -> u64 {
    match (std::env::var_os("INJECTOR_SOAK"), kernel().as_str()) {
        (Some(_), _) => soak,
        (None, "native") => ci,
        (None, _) => emulated,
    }
}

/// Milliseconds on a clock that all processes share.
pub fn now_ms() -> u64 {
    now_us() / 1000
}

/// Microseconds on the same clock.
pub fn now_us() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap();
    u64::try_from(now.tv_sec()).unwrap() * 1_000_000 + u64::try_from(now.tv_nsec()).unwrap() / 1000
}

/// Waits up to so many seconds for something to come true.
#[track_caller]
pub fn wait_for<T>(seconds: u64, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = std::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed().as_secs() < seconds, "{what}: not within {seconds} s");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// States why a test does not run here. The harness counts it, and fails if it ran nowhere.
#[must_use]
pub fn skip(test: &str, reason: &str) -> bool {
    println!("SKIP {test}: {reason}");
    true
}

/// The kernel with BPF_KPROBE_OVERRIDE is Debian's 6.1 in everything else: what takes long and does not need
/// the override runs on that one.
#[must_use]
pub fn same_as_on_6_1(test: &str) -> bool {
    kernel() == "6.1-override" && skip(test, "it would be the same as on 6.1")
}

/// What asks nothing of a kernel that another one lacks: natively and in one guest is enough, and the matrix stays
/// within half an hour.
#[must_use]
pub fn same_in_every_guest(test: &str) -> bool {
    matches!(kernel().as_str(), "6.12" | "6.1-override") && skip(test, "it would be the same as on 6.1")
}

/// What takes long and asks nothing that this one guest lacks: there is enough, and natively where that can. The guests
/// take turns on the machine, and so each has its part.
#[must_use]
pub fn same_as_in(guest: &str, test: &str) -> bool {
    let here = kernel();
    here != "native" && here != guest && skip(test, &format!("it would be the same as on {guest}"))
}

/// What is the daemon's own doing: natively is enough, where it takes a tenth of the time.
#[must_use]
pub fn same_as_natively(test: &str) -> bool {
    kernel() != "native" && skip(test, "it would be the same as natively")
}

/// Can this kernel do it? `doctor` has tried; an error is what the kernel said.
pub fn able(daemon: &Daemon, what: &str) -> Result<(), String> {
    let doctor = daemon.get("/v1/doctor");
    let probes = doctor["probes"].as_array().cloned().unwrap_or_default();
    let of_it: Vec<_> = probes.iter().filter(|probe| probe["what"] == what).collect();
    assert!(!of_it.is_empty(), "doctor knows nothing of {what}: {doctor}");
    if of_it.iter().any(|probe| probe["works"] == true) {
        return Ok(());
    }
    Err(of_it[0]["why"].as_str().unwrap_or("?").replace('\n', " "))
}

/// States that a test does not run here, if this kernel cannot do what it needs.
#[must_use]
pub fn lacks(test: &str, daemon: &Daemon, what: &str) -> bool {
    match able(daemon, what) {
        Ok(()) => false,
        Err(why) => skip(test, &format!("{what} does not work here: {why}")),
    }
}

/// |hits - n p| <= 5 sigma: what a fair die does 999,999 times in a million.
#[track_caller]
pub fn assert_binomial(what: &str, hits: u64, n: u64, p: f64) {
    let (n_f, expected) = (n as f64, n as f64 * p);
    let sigma = (n_f * p * (1.0 - p)).sqrt();
    let off = (hits as f64 - expected) / sigma;
    println!("n={n} {what}: {hits} hits, expected {expected:.0}, off by {off:+.2} sigma");
    assert!(off.abs() <= 5.0, "{what}: {hits} of {n} is {off:+.2} sigma away from {p}");
}
