//! `protect: [interface:...]`: nothing happens to packets through it, at whichever hook a fault acts.

use crate::support::{
    HERE, THERE, World,
    came::DATAGRAMS,
    link::{HERE2, THERE2, second_link},
    same_in_every_guest,
};

#[test]
fn a_protected_interface_is_spared_by_every_hook() {
    if same_in_every_guest("a_protected_interface_is_spared_by_every_hook") {
        return;
    }
    let world = World::with(
        "mode: armed\nmax_percent: 100\nmax_faults_per_hour: 1000\nprotect: [\"interface:w0\"]\n",
    );
    second_link(&world.here, &world.there);
    // The last figure: what comes in through v0, which is the other hook's of the cgroup.
    let faults = [
        ("drop --percent 100 --direction both", 0),
        ("partition", 0),
        ("drop --percent 100 --local-error", DATAGRAMS),
    ];
    let mut bad = Vec::new();
    for (fault, comes_in) in faults {
        let id = world.daemon.arm(&format!("{fault} --target {} --for 1m", world.target()));
        let victim = &world.victim;
        let out = [THERE, THERE2].map(|ip| world.came_out(victim, ip));
        let back = [HERE, HERE2].map(|ip| world.came_in(victim, ip));
        println!("n={DATAGRAMS} {fault}: {out:?} came out and {back:?} in, by v0 and by w0");
        if (out, back) != ([0, DATAGRAMS], [comes_in, DATAGRAMS]) {
            bad.push(fault);
        }
        world.daemon.json(&format!("stop {id}"));
    }
    assert!(bad.is_empty(), "the protected interface was faulted, or the other one was not: {bad:?}");
}
