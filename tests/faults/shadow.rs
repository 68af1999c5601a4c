//! Modes: what only looks, what only counts, what acts.

use aya::programs::loaded_programs;

use crate::support::{THERE, World, same_as_natively, traffic::send_udp, wait_for};

const N: u64 = 2000;

/// Sends from the victim; how many came.
fn came(world: &World) -> u64 {
    let to = world.receiver(THERE, 9001);
    world.in_victim(|| format!("{:?}", send_udp(THERE, 9001, N, 4))).join();
    let got = to.finish();
    assert_eq!(got.no_room, 0);
    got.count()
}

#[track_caller]
fn refused(world: &World, args: &str, says: &str) {
    let (code, out, err) = world.daemon.run(args);
    assert_eq!(code, 4, "injector {args}: {out}{err}");
    assert!(err.contains(says), "injector {args} says {err:?}, not {says:?}");
}

/// Names of the kernel programs that a process holds.
fn programs_of(pid: u32) -> Vec<String> {
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap().flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        ids.extend(text.lines().filter_map(|line| line.strip_prefix("prog_id:")?.trim().parse::<u32>().ok()));
    }
    let all = loaded_programs().filter_map(Result::ok).filter(|program| ids.contains(&program.id()));
    all.filter_map(|program| program.name_as_str().map(str::to_owned)).collect()
}

fn harmful(pid: u32) -> Vec<String> {
    let harm = ["inj_drop", "inj_delay", "inj_dstub", "inj_open"];
    programs_of(pid).into_iter().filter(|name| harm.iter().any(|word| name.starts_with(word))).collect()
}

#[test]
fn observe_loads_nothing_that_can_do_harm() {
    if same_as_natively("observe_loads_nothing_that_can_do_harm") {
        return;
    }
    let world = World::with("mode: observe\n");
    let target = world.target();
    for ask in ["--percent 5", "--percent 5 --shadow"] {
        refused(&world, &format!("drop --target {target} {ask} --detach"), "mode is observe");
    }
    let plan = world.daemon.json(&format!("plan drop --target {target} --percent 5"));
    assert!(plan["blocked"].as_str().is_some_and(|why| why.contains("observe")), "{plan}");
    assert_eq!(came(&world), N);
    let (held, harm) = (programs_of(world.daemon.pid()), harmful(world.daemon.pid()));
    println!("n={} programs in mode observe: {held:?}", held.len());
    assert_eq!(harm, Vec::<String>::new());
    assert!(
        held.iter().any(|name| name.starts_with("inj_tcp")),
        "{held:?}: this test sees no programs at all"
    );

    let armed = World::new();
    armed.daemon.arm(&format!("drop --target {} --percent 5 --for 1m", armed.target()));
    assert_ne!(harmful(armed.daemon.pid()), Vec::<String>::new(), "this test does not know the harmful ones");
}

#[test]
fn a_shadow_counts_and_loses_nothing_and_can_be_armed() {
    if same_as_natively("a_shadow_counts_and_loses_nothing_and_can_be_armed") {
        return;
    }
    let world = World::new();
    let id = world.daemon.arm(&format!("drop --target {} --percent 50 --shadow --for 2m", world.target()));
    assert_eq!(world.daemon.fault(&id)["state"], "shadow");
    assert_eq!(came(&world), N, "a shadow lost packets");
    let fault = world.daemon.fault(&id);
    let count = |name: &str| fault["counters"][name].as_u64().unwrap();
    assert_eq!((count("matched"), count("acted")), (N, 0), "{fault}");
    crate::support::assert_binomial("would have been lost", count("shadow"), N, 0.5);

    let armed = world.daemon.json(&format!("arm {id}"));
    assert_eq!((&armed["id"], &armed["state"]), (&id.as_str().into(), &"armed".into()), "{armed}");
    let lost = N - came(&world);
    let fault = world.daemon.fault(&id);
    assert_eq!(fault["counters"]["acted"], lost, "{fault}");
    crate::support::assert_binomial("lost after it was armed", lost, N, 0.5);
    let (code, _, err) = world.daemon.run(&format!("arm {id}"));
    assert!(code != 0 && err.contains("no shadow"), "armed twice: {err}");
    world.daemon.json(&format!("stop {id}"));
    assert_eq!(came(&world), N);
}

/// The first ten are the first ten that it acts on, however many it would have acted on before.
#[test]
fn what_a_shadow_has_drawn_is_over_when_it_is_armed() {
    if same_as_natively("what_a_shadow_has_drawn_is_over_when_it_is_armed") {
        return;
    }
    let world = World::new();
    let id = world.daemon.arm(&format!("drop --target {} --first 10 --shadow --for 2m", world.target()));
    assert_eq!(came(&world), N);
    assert_eq!(world.daemon.counter(&id, "shadow"), 10);
    world.daemon.json(&format!("arm {id}"));
    assert_eq!(came(&world), N - 10);
    assert_eq!(world.daemon.counter(&id, "acted"), 10);
}

/// After days of shadow the node's owner reads one page.
#[test]
fn mode_shadow_refuses_what_acts_and_certifies_the_rest() {
    if same_as_natively("mode_shadow_refuses_what_acts_and_certifies_the_rest") {
        return;
    }
    let mut world = World::with("mode: shadow\nmax_percent: 100\n");
    let target = world.target();
    let (_, none, _) = world.daemon.run("certificate");
    assert!(none.contains("no shadow fault has run yet"), "{none}");
    refused(&world, &format!("drop --target {target} --percent 5 --detach"), "mode is shadow");
    let id = world.daemon.arm(&format!("drop --target {target} --percent 50 --shadow --for 2m"));
    refused(&world, &format!("arm {id}"), "mode is shadow");
    assert_eq!(came(&world), N);
    let to_ssh = world.receiver(THERE, 22);
    world.in_victim(|| format!("{:?}", send_udp(THERE, 22, 100, 4))).join();
    assert_eq!(to_ssh.finish().count(), 100);
    // It is added up once a second.
    let page = wait_for(20, "the certificate's sums", || {
        let page = world.daemon.get("/v1/certificate");
        (page["matched"].as_u64() >= Some(N + 100)).then_some(page)
    });
    world.daemon.json(&format!("stop {id}"));
    println!("n={N} datagrams in shadow: {page}");
    assert_eq!(page["matched"], N + 100, "{page}");
    assert_eq!(
        (&page["protected"], &page["protected_hits"], &page["faults"]),
        (&100.into(), &0.into(), &1.into())
    );
    assert!(page["would_have_acted"].as_u64().unwrap() > N / 4, "{page}");
    assert_eq!(page["cgroups"], serde_json::json!([world.victim.path]));
    let (_, text, _) = world.daemon.run("certificate");
    assert!(text.contains("100 left alone, 0 hits"), "{text}");
    // It is kept: the owner reads it after many restarts.
    world.daemon.end();
    world.daemon.restart(&world.here);
    assert_eq!(world.daemon.json("certificate")["matched"], page["matched"]);
}
