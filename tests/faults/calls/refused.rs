//! What is wrong with a fault of calls is said, with what would work instead, and nothing is attached.

use crate::support::{World, able, kernel};

/// What a person wants, as he writes it, the exit code, the reason, and what would work.
type Wrong = (&'static str, &'static str, i32, &'static str, &'static str);

const WRONG: [Wrong; 9] = [
    (
        "a call that there is not",
        "fsnc --errno EIO --percent 5",
        2,
        "no system call `fsnc`",
        "did you mean fsync?",
    ),
    ("the errno 0", "fsync --errno 0 --percent 5", 2, "`0` is a number", "name it: EIO"),
    ("the errno 512", "fsync --errno 512 --percent 5", 2, "`512` is a number", "name it: EIO"),
    ("the same by name", "fsync --errno ERESTARTSYS --percent 5", 2, "ERESTARTSYS can't be injected", "512"),
    (
        "EINTR at 100 %",
        "fsync --errno EINTR --percent 100",
        2,
        "EINTR for more than 50 % is no end",
        "write 50 %",
    ),
    (
        "a path where there is none",
        "getrandom --errno EIO --percent 5 --path /a",
        2,
        "can't be told apart by path",
        "leave out the path",
    ),
    (
        "the dynamic loader's files at 100 %",
        "open --errno EIO --percent 100 --path /lib64",
        2,
        "the dynamic loader's files are below /lib64",
        "less than 100 %",
    ),
    (
        "two frequencies",
        "fsync --errno EIO --percent 5 --every 10",
        2,
        "`percent` and `every` can't both say how often",
        "leave out `percent` or `every`",
    ),
    ("half a read", "read --short 5 --percent 5", 2, "can't be made 5 bytes short", "only 0"),
];

/// By a hook that it does not pass; and where there are hooks only, by anything.
const BY_HOOK: Wrong = (
    "fsync by a hook",
    "fsync --errno EIO --percent 5 --rung lsm",
    1,
    "fsync passes no LSM hook",
    "leave out --rung",
);
const BY_ANY: Wrong =
    ("fsync where only hooks are", "fsync --errno EIO --percent 5", 1, "fsync passes no LSM hook", "CONFIG_");

#[test]
fn what_is_wrong_is_refused_and_nothing_is_attached() {
    let world = World::lent();
    let mut cases = WRONG.to_vec();
    cases.push(BY_HOOK);
    if able(&world.daemon, "fail any call").is_err() {
        cases.push(BY_ANY);
    }
    let known = || world.daemon.get("/v1/status")["faults"].as_array().map(Vec::len);
    let (before, mut bad) = (known(), Vec::new());
    for (wanted, flags, code, reason, instead) in cases {
        let target = world.target();
        let plan = world.daemon.run(&format!("plan fail {flags} --target {target}"));
        let armed = world.daemon.run(&format!("fail {flags} --target {target} --for 1m --detach"));
        let status = world.daemon.get("/v1/status");
        let right = |(is, out, said): &(i32, String, String)| {
            *is == code && out.is_empty() && said.contains(reason) && said.contains(instead)
        };
        let nothing = status["attached"].as_array().is_some_and(Vec::is_empty) && known() == before;
        let ok = right(&plan) && right(&armed) && nothing;
        let said = armed.2.trim().replace('\n', " ");
        println!("| {wanted} | fail {flags} | {} | {said} | {} |", armed.0, if ok { "ok" } else { "WRONG" });
        if !ok {
            bad.push(format!("{flags}: {plan:?} {armed:?} attached {}", status["attached"]));
        }
    }
    assert!(bad.is_empty(), "on {}:\n{}", kernel(), bad.join("\n"));
}
