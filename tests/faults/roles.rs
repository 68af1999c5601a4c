//! Each role as an unprivileged user: exactly what it says.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::PathBuf,
};

use crate::support::{World, daemon::binary, same_as_natively, skip};

/// Users that need no account: a role each, and one without.
const USERS: [(&str, u32); 6] = [
    ("observe", 60_001),
    ("plan", 60_002),
    ("inject", 60_003),
    ("halt", 60_004),
    ("admin", 60_005),
    ("nobody", 60_006),
];

/// Who may what, in the order of [`USERS`].
const TABLE: [(&str, [bool; 6]); 7] = [
    ("status", [true, true, true, false, true, false]),
    ("plan", [false, true, true, false, true, false]),
    ("drop", [false, false, true, false, true, false]),
    ("stop", [true, true, true, true, true, false]),
    ("halt", [true, true, true, true, true, false]),
    ("halt --lift", [false, false, false, false, true, false]),
    ("limits reload", [false, false, false, false, true, false]),
];

/// A world whose daemon others can reach, with a binary that they can run.
fn world() -> (World, PathBuf) {
    let mut limits = String::from("mode: armed\nmax_percent: 100\nmax_faults_per_hour: 1000\nroles:\n");
    for (role, uid) in USERS.iter().filter(|(role, _)| *role != "nobody") {
        limits.push_str(&format!("  {role}: [\"user:{uid}\"]\n"));
    }
    let world = World::with(&limits);
    let program = world.daemon.path("injector");
    fs::copy(binary(), &program).unwrap();
    // What the package does with its group `injector`.
    for (path, mode) in [
        (world.daemon.dir.path().to_owned(), 0o755),
        (program.clone(), 0o755),
        (world.daemon.path("sock"), 0o666),
    ] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    (world, program)
}

/// Runs the CLI as somebody; `login` is the login uid that the process gets, if any.
fn run(world: &World, program: &PathBuf, uid: u32, login: Option<u32>, args: &str) -> (i32, String) {
    let like = world.daemon.cli(args);
    let mut command = std::process::Command::new(program);
    command.args(like.get_args()).current_dir("/");
    if let Some(login) = login {
        // SAFETY: writes a file before exec, in the child only.
        unsafe { command.pre_exec(move || fs::write("/proc/self/loginuid", login.to_string())) };
    }
    if uid != 0 {
        command.uid(uid).gid(uid);
    }
    let output = command.output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), text)
}

#[test]
fn every_role_may_exactly_what_it_says() {
    if same_as_natively("every_role_may_exactly_what_it_says") {
        return;
    }
    let (world, program) = world();
    let target = world.target();
    let mut wrong = Vec::new();
    println!("{:<14}{}", "", USERS.map(|(role, _)| format!("{role:>9}")).concat());
    for (verb, row) in TABLE {
        let mut line = format!("{verb:<14}");
        for ((role, uid), may) in USERS.into_iter().zip(row) {
            let args = match verb {
                "plan" => format!("plan drop --target {target} --percent 5"),
                "drop" => format!("drop --target {target} --percent 5 --for 1m --detach"),
                "stop" => {
                    let id = world.daemon.arm(&format!("drop --target {target} --percent 5 --for 1m"));
                    format!("stop {id}")
                }
                "halt --lift" => {
                    assert_eq!(world.daemon.run("halt").0, 0);
                    verb.into()
                }
                _ => verb.into(),
            };
            let (code, text) = run(&world, &program, uid, None, &args);
            line.push_str(&format!(
                "{:>9}",
                match code {
                    0 => "yes",
                    4 => "no",
                    _ => "?",
                }
            ));
            let as_said = if may { code == 0 } else { code == 4 && text.contains("has no right to") };
            if !as_said {
                wrong.push(format!("{role}: {args}: exit {code}: {text}"));
            }
            // What it did, not only what it said.
            let status = world.daemon.get("/v1/status");
            let armed =
                status["faults"].as_array().unwrap().iter().filter(|fault| fault["state"] != "ended").count();
            let expected = match verb {
                "drop" => usize::from(may),
                "stop" => usize::from(!may),
                _ => 0,
            };
            let halted = match verb {
                "halt" => may,
                "halt --lift" => !may,
                _ => false,
            };
            if armed != expected || status["halted"].is_null() == halted {
                wrong.push(format!("{role}: {args}: {armed} armed, halted {}", status["halted"]));
            }
            if !status["halted"].is_null() {
                assert_eq!(world.daemon.run("halt --lift").0, 0);
            }
            if armed > 0 {
                world.daemon.json("stop --all");
            }
        }
        println!("{line}");
    }
    println!("n={} cells, {} wrong", TABLE.len() * USERS.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let (code, out, err) = world.daemon.run("audit verify");
    assert_eq!(code, 0, "{out}{err}");
    let log = fs::read_to_string(world.daemon.path("state").join("audit.ndjson")).unwrap();
    assert!(
        log.lines().any(|line| line.contains("60006") && line.contains("refused")),
        "refusals are not in the audit log"
    );
}

/// sudo makes everybody uid 0; the login uid still says who it is.
#[test]
fn behind_sudo_the_login_uid_decides() {
    let test = "behind_sudo_the_login_uid_decides";
    if same_as_natively(test) {
        return;
    }
    let (world, program) = world();
    let ask = format!("drop --target {} --percent 5 --for 1m --detach", world.target());
    let [nobody, inject, admin] = [60_006, 60_003, 60_005];
    // Who has a login uid, or is refused another one, cannot play this.
    let mut probe = std::process::Command::new("cat");
    // SAFETY: writes a file before exec, in the child only.
    unsafe {
        probe
            .arg("/proc/self/loginuid")
            .pre_exec(move || fs::write("/proc/self/loginuid", nobody.to_string()))
    };
    match probe.output() {
        Ok(output) if output.stdout == nobody.to_string().as_bytes() => {}
        other => {
            assert!(skip(test, &format!("the kernel sets no login uid here: {other:?}")));
            return;
        }
    }
    for (login, may) in
        [(Some(nobody), false), (Some(inject), true), (Some(admin), true), (None, true), (Some(0), true)]
    {
        let (code, text) = run(&world, &program, 0, login, &ask);
        println!("n=1 root with login uid {login:?} arms: exit {code}");
        assert_eq!(code, if may { 0 } else { 4 }, "login uid {login:?}: {text}");
        assert!(may || text.contains("login uid 60006"), "{text}");
        world.daemon.json("stop --all");
    }
    let (code, text) = run(&world, &program, 0, Some(inject), "limits reload");
    assert_eq!(code, 4, "{text}");
    assert_eq!(run(&world, &program, 0, Some(admin), "limits reload").0, 0);
}
