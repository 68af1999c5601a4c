//! SIGKILL after every step of a plan: what is left of it is taken away, and what others have is as it was.

use crate::{
    neighbours::{TC_ACT_UNSPEC, filter, has_tcx, neighbour},
    support::{THERE, World, able, kernel, same_in_every_guest},
};

/// What everybody has at the hooks of the target's namespace, as their owners would look at it.
fn everything(world: &World) -> String {
    let mut all = world.here.run("tc", "qdisc show") + &world.here.run("ip", "-o -br link");
    for side in ["ingress", "egress", "root"] {
        all += &world.here.run("tc", &format!("filter show dev v0 {side}"));
    }
    all + &world.here.run("bpftool", "net show")
}

#[test]
fn killed_after_every_step_of_a_plan() {
    if same_in_every_guest("killed_after_every_step_of_a_plan") {
        return;
    }
    let mut world = World::new();
    world.here.run("tc", "qdisc add dev v0 root handle 77: tbf rate 1gbit burst 64kb latency 50ms");
    world.here.run("tc", "qdisc add dev v0 clsact");
    filter(&world, "egress prio 7", TC_ACT_UNSPEC);
    filter(&world, "ingress prio 49152", TC_ACT_UNSPEC);
    let _theirs = has_tcx(&world).then(|| neighbour(&world, aya::programs::LinkOrder::last));
    let before = everything(&world);
    // An emulated guest takes ten seconds for each step: there only the one with the most, which needs what this
    // machine's kernel may lack. On the way out drop has the step that reset has; on the way in, where it stands on the
    // cgroup, it has one of its own.
    let mut faults = match kernel().as_str() {
        "native" => vec!["reset --percent 50 --direction both", "drop --percent 50 --direction ingress"],
        _ => vec![],
    };
    if able(&world.daemon, "delay").is_ok() {
        faults.push("delay --by 20ms --direction both");
    }
    assert!(!faults.is_empty(), "nothing to kill");
    let mut kills = 0;
    for fault in faults {
        for step in 0.. {
            std::fs::write(world.daemon.path("state").join("die"), format!("{step}")).unwrap();
            let arm = format!("{fault} --target {} --peer {THERE}:9001 --for 1m --detach", world.target());
            let (code, out, err) = world.daemon.run(&arm);
            if code == 0 {
                // There are not so many steps.
                assert!(step > 1, "no step of {fault} was killed: {out}");
                world.daemon.json("stop --all");
                world.daemon.end();
                std::fs::remove_file(world.daemon.path("state").join("die")).unwrap();
                assert_eq!(everything(&world), before, "after {fault}");
                world.daemon.restart(&world.here);
                break;
            }
            world.daemon.kill();
            kills += 1;
            let clean = world.daemon.json("clean");
            assert_eq!(clean["left"], serde_json::json!([]), "{fault}, step {step}: {clean} {err}");
            assert_eq!(everything(&world), before, "{fault}, killed after {step} steps");
            world.daemon.restart(&world.here);
            assert_eq!(everything(&world), before, "{fault}, restarted after {step} steps");
        }
    }
    println!("n={kills} kills, each after one more step of a plan: all others' qdiscs and filters as before");
}
