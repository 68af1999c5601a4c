//! `injector profile run`: several faults as one.

use std::{
    io::{Read as _, Write as _},
    process::{Child, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;

use crate::support::{
    THERE, World,
    came::DATAGRAMS,
    cgroup::Cgroup,
    child, lacks, same_in_every_guest,
    traffic::{connect, ping_pong, tcp_echo},
    wait_for,
};

const OWN: &str = "name: own\nabout: datagrams are lost and streams are wrong\nsource: this test\nfaults:\n  \
                   - {kind: drop, percent: 100, protocol: udp}\n  - {kind: garble, percent: 100, protocol: tcp}\n";
/// Round trips over TCP.
const ECHOES: usize = 20;

/// How many of the echoes are not what was sent.
fn wrong_echoes(world: &World, cgroup: &Cgroup) -> usize {
    let echoes = child::fork(Some(cgroup), &world.here, || {
        let mut stream = connect(THERE, 9003);
        let wrong = (0..ECHOES).filter(|_| {
            let mut back = [0; 100];
            stream.write_all(&[7; 100]).unwrap();
            stream.read_exact(&mut back).unwrap();
            back != [7; 100]
        });
        wrong.count().to_string()
    });
    echoes.join().parse().unwrap()
}

fn armed(world: &World) -> usize {
    let status = world.daemon.json("status");
    status["faults"].as_array().unwrap().iter().filter(|fault| fault["state"] == "armed").count()
}

/// Runs the profile in the foreground, until all of it is armed.
fn run(world: &World) -> Child {
    let arguments = format!("profile run own --target {} --peer {THERE} --for 2m", world.target());
    let mut command = world.daemon.cli(&arguments);
    let mut command = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(30, "both faults", || {
        assert_eq!(command.try_wait().unwrap(), None, "the command has ended");
        (armed(world) == 2).then_some(())
    });
    command
}

#[test]
fn ones_own_profile_acts_as_one_and_ends_as_one() {
    if crate::support::same_as_natively("ones_own_profile_acts_as_one_and_ends_as_one") {
        return;
    }
    let world = World::new();
    std::fs::write(world.daemon.path("profiles/own.yaml"), OWN).unwrap();
    let _server = world.over_there(|| tcp_echo(THERE, 9003));
    let felt = |cgroup: &Cgroup| (world.came_out(cgroup, THERE), wrong_echoes(&world, cgroup));
    let command = run(&world);
    assert_eq!(felt(&world.victim), (0, ECHOES));
    assert_eq!(felt(&world.control), (DATAGRAMS, 0));

    kill(Pid::from_raw(i32::try_from(command.id()).unwrap()), Signal::SIGINT).unwrap();
    let output = command.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(130) && said.contains("were stopped by a signal"), "{said}");
    // The command has waited for both.
    let status = world.daemon.json("status");
    assert_eq!((armed(&world), &status["attached"]), (0, &json!([])), "{status}");
    assert_eq!(felt(&world.victim), (DATAGRAMS, 0));
}

#[test]
fn a_profile_with_an_unknown_key_arms_nothing() {
    if crate::support::same_as_natively("a_profile_with_an_unknown_key_arms_nothing") {
        return;
    }
    let world = World::new();
    // In the second fault: the first one would be fine.
    let wrong = OWN.replace("garble, percent", "garble, precent");
    std::fs::write(world.daemon.path("profiles/own.yaml"), wrong).unwrap();
    let (code, out, err) =
        world.daemon.run(&format!("profile run own --target {} --for 1m --detach", world.target()));
    assert_eq!(code, 2, "{out}{err}");
    assert!(err.contains("own.yaml is wrong") && err.contains("precent"), "{err}");
    assert_eq!(armed(&world), 0);
    assert_eq!(world.came_out(&world.victim, THERE), DATAGRAMS);
}

/// 150 ms each way.
#[test]
fn a_built_in_profile_is_what_it_says() {
    let test = "a_built_in_profile_is_what_it_says";
    if same_in_every_guest(test) {
        return;
    }
    let world = World::new();
    if lacks(test, &world.daemon, "delay") {
        return;
    }
    let _server = world.over_there(|| tcp_echo(THERE, 9003));
    let (code, out, err) =
        world.daemon.run(&format!("profile run 3g --target {} --for 2m --detach", world.target()));
    assert_eq!((code, armed(&world)), (0, 2), "{out}{err}");
    let fastest = |cgroup: &Cgroup| {
        let fastest = || ping_pong(THERE, 9003, 5).into_iter().min().unwrap().to_string();
        child::fork(Some(cgroup), &world.here, fastest).join().parse::<u64>().unwrap()
    };
    let (victim, control) = (fastest(&world.victim), fastest(&world.control));
    println!("n=5 fastest round trip by 3g: victim {victim} us, control {control} us");
    assert!((290_000..600_000).contains(&victim), "300 ms were asked: {victim} us");
    assert!(control < 150_000, "the control was slowed: {control} us");
    let stopped = world.daemon.json("stop --all");
    assert!(stopped.to_string().contains("\"left\":[]"), "{stopped}");
    assert_eq!(world.daemon.json("status")["attached"], json!([]));
    let links = world.here.run("ip", "-br link");
    assert!(!links.contains("inj"), "a device was left:\n{links}");
}
