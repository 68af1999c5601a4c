//! The gate in the kernel, with the plan's checks left out: a rule that means everything the victim sends and
//! receives, at 100 %, touches nothing that is protected, in whatever order it learns of it.

use std::{collections::BTreeMap, thread::sleep, time::Duration};

use injector::{
    kernel::{Kernel as _, object::Object, probe, real::Real},
    limits::{Budget, Protection},
    plan::{Site, Step},
    target::Host,
};
use injector_ebpf::{
    draw::{ALWAYS, Draw},
    rule::{CG_PROTECTED, CgroupEntry, HOOK_CGROUP_INGRESS, HOOK_EGRESS, Rule, RuleStats},
};

use crate::support::{
    HERE, THERE, World,
    cgroup::Cgroup,
    child::{Child, fork},
    figure, kernel,
    traffic::{Receiver, send_udp},
};

/// The user whose packets are protected.
const USER: u32 = 54_321;
const ALL: Rule = Rule {
    hook: HOOK_EGRESS | HOOK_CGROUP_INGRESS,
    draw: Draw { threshold: ALWAYS, ..Draw::NEVER },
    ..Rule::FREE
};

/// Programs of our own on the victim, armed by hand. Dropped in this order.
struct Forced {
    kernel: Real,
    protection: Protection,
    entries: BTreeMap<u64, CgroupEntry>,
    spared: Cgroup,
    _holder: Child,
    world: World,
}

impl Forced {
    fn new() -> Self {
        let world = World::new();
        let host = Host::detect(std::path::Path::new("/")).unwrap();
        let mut object = Object::load(0x7e57).unwrap();
        let capabilities = probe::capabilities(&mut object).unwrap();
        let mut kernel = Real::new(object, 0x7e57, capabilities, host.cgroup).unwrap();
        let holder = world.in_victim(|| {
            sleep(Duration::from_secs(600));
            String::new()
        });
        let sites: Vec<Site> = kernel.sites(&[holder.pid()]).unwrap();
        for site in &sites {
            for (index, link) in &site.links {
                let step = Step::Egress { netns: site.netns, index: *index, link: link.clone() };
                kernel.apply(&step).unwrap();
            }
        }
        kernel.apply(&Step::CgroupIngress { cgroup: world.victim.path.clone() }).unwrap();
        world.there.ip("addr add 10.77.0.3/24 dev v1");
        let mut protection = Protection::default();
        protection.ports.insert(22, "ssh".into());
        protection.ports.insert(53, "DNS".into());
        protection.addresses.insert("10.77.0.3/32".parse().unwrap(), "a gateway".into());
        protection.users.insert(USER, "somebody".into());
        let spared = world.victim.child("spared");
        let entries = BTreeMap::from([
            (world.victim.id(), CgroupEntry { rules: 1, flags: 0 }),
            (spared.id(), CgroupEntry { rules: 1, flags: CG_PROTECTED }),
        ]);
        // Without a budget nothing is faulted at all.
        kernel.set_node_budget(&Budget::default()).unwrap();
        kernel.set_budget(0, &Budget::default()).unwrap();
        kernel.lease(Duration::from_secs(600)).unwrap();
        kernel.deadline(0, Duration::from_secs(600)).unwrap();
        kernel.set_halt(false).unwrap();
        Self { kernel, protection, entries, spared, _holder: holder, world }
    }

    /// One of the three things that the gate must be told.
    fn tell(&mut self, what: usize) {
        match what {
            0 => self.kernel.protect(&self.protection).unwrap(),
            1 => self.kernel.set_cgroups(&self.entries).unwrap(),
            _ => self.kernel.set_rule(0, &ALL).unwrap(),
        }
    }

    fn stats(&mut self) -> RuleStats {
        self.kernel.stats(0).unwrap()
    }

    /// Sends `n` datagrams of each protected kind at the same time, while everything is told again and again.
    /// Returns how many were sent and how many of them came.
    fn protected(&mut self, n: u64) -> (u64, u64) {
        let per_ms = if kernel() == "native" { 10 } else { 1 };
        let ways: [(&'static str, u16); 4] = [(THERE, 22), (THERE, 53), ("10.77.0.3", 9001), (THERE, 9003)];
        let mut receivers: Vec<Receiver> =
            ways.iter().map(|(ip, port)| self.world.receiver(ip, *port)).collect();
        receivers.push(self.world.receiver(THERE, 9004));
        receivers.push(Receiver::start(Some(&self.world.victim), &self.world.here, HERE, 53));
        let mut senders: Vec<Child> = ways
            .into_iter()
            .map(|(ip, port)| {
                self.world.in_victim(move || {
                    if port == 9003 {
                        become_user();
                    }
                    format!("{:?}", send_udp(ip, port, n, per_ms))
                })
            })
            .collect();
        senders.push(fork(Some(&self.spared), &self.world.here, move || {
            format!("{:?}", send_udp(THERE, 9004, n, per_ms))
        }));
        senders.push(self.world.over_there(move || format!("{:?}", send_udp(HERE, 53, n, per_ms))));
        let mut round = 0;
        while !senders.iter().all(|sender| sender.wrote(0)) {
            for what in [round % 2, (round + 1) % 2] {
                self.tell(what);
            }
            self.kernel.change_rule(0, &ALL).unwrap();
            round += 1;
            sleep(Duration::from_millis(5));
        }
        let sent = senders.len() as u64 * n;
        for sender in senders {
            assert_eq!(sender.join(), format!("{:?}", (n, 0)));
        }
        receivers.iter().for_each(Receiver::close);
        let mut got = 0;
        for receiver in receivers {
            let received = receiver.finish();
            assert_eq!(received.no_room, 0, "datagrams were lost for want of room");
            got += received.count();
        }
        (sent, got)
    }
}

fn become_user() {
    // SAFETY: plain system call; for this thread, which is all there is in a forked child.
    let result = unsafe { libc::syscall(libc::SYS_setresuid, USER, USER, USER) };
    assert_eq!(result, 0);
}

#[test]
fn a_forced_rule_touches_nothing_that_is_protected() {
    if crate::support::same_as_natively("a_forced_rule_touches_nothing_that_is_protected") {
        return;
    }
    let mut forced = Forced::new();
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let n = figure(100_000, 1_000_000, 6_000) / 36 + 1;
    let (mut sent, mut got) = (0, 0);
    for order in orders {
        forced.kernel.free_rule(0).unwrap();
        forced.kernel.set_cgroups(&BTreeMap::new()).unwrap();
        for what in order {
            forced.tell(what);
        }
        let to = forced.world.receiver(THERE, 9001);
        forced.world.in_victim(|| format!("{:?}", send_udp(THERE, 9001, 50, 2))).join();
        assert_eq!(to.finish().count(), 0, "{order:?}: the rule does not act: this test would prove nothing");
        let before = forced.stats();
        let (s, g) = forced.protected(n);
        (sent, got) = (sent + s, got + g);
        let after = forced.stats();
        assert_eq!(after.acted, before.acted, "{order:?}: a protected packet was faulted");
        assert_eq!(after.passed_protected - before.passed_protected, s, "{order:?}: {after:?}");
    }
    println!("n={sent} protected packets in {} orders: {} faults", orders.len(), sent - got);
    assert_eq!(sent, got);
    forced.entries.insert(forced.world.victim.id(), CgroupEntry { rules: 1, flags: CG_PROTECTED });
    forced.tell(1);
    let to = forced.world.receiver(THERE, 9001);
    forced.world.in_victim(|| format!("{:?}", send_udp(THERE, 9001, 100, 2))).join();
    assert_eq!(to.finish().count(), 100, "a protected cgroup was hit");
}
