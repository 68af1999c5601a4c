//! What the audit log says after a session.

use super::bench::{DROP, SHADOW, person, root, with_limits};
use crate::session::{Command, audit};

#[test]
fn the_log_of_a_session_is_whole_and_says_who_what_and_why() {
    let mut bench = with_limits("mode: armed\nsoft: {ttl: 1m}\n");
    let (alice, bob) = (person(60_001), person(60_002));
    let spec = DROP.replace(r#""for""#, r#""hypothesis":"retries help","ticket":"OPS-7","for""#);
    let id = bench.start_by(&spec, &alice).unwrap().id;
    let shadow = bench.start_by(SHADOW, &alice).unwrap().id;
    bench.engine.arm(&shadow, &bob).unwrap();
    assert!(bench.start_by(&DROP.replace('5', "50"), &bob).is_err());
    assert!(bench.start_by(&DROP.replace("30s", "2m"), &bob).is_err());
    bench.ask(&bob, |reply| Command::Stop(id.clone(), reply)).unwrap();
    bench.ask(&alice, |reply| Command::Halt("pager".into(), reply)).unwrap();
    bench.engine.drain();
    assert!(bench.start_by(DROP, &bob).is_err());
    bench.ask(&root(), Command::Lift).unwrap();
    bench.ask(&root(), Command::Reload).unwrap();
    bench.ask(&root(), Command::Shutdown).unwrap();

    let report = audit::verify(&bench.engine.settings.state_dir).unwrap();
    assert!(report.whole() && report.notes.is_empty(), "{report:?}");
    let lines = bench.audit();
    let said: Vec<String> = lines
        .iter()
        .map(|line| {
            let login =
                line["who"]["login"].as_u64().map_or("-".to_owned(), |login| (login - 60_000).to_string());
            let word = |key: &str| line[key].as_str().unwrap_or("-").to_owned();
            format!("{login} {} {} {}", word("action"), word("outcome"), word("limit"))
        })
        .collect();
    let expected = [
        "1 arm allowed -",
        "1 shadow allowed -",
        "2 arm allowed -",
        "2 arm refused max_percent",
        "2 arm refused soft",
        "2 stop allowed -",
        "- end ended -",
        "1 halt allowed -",
        "- end ended -",
        "2 arm refused -",
        "- lift allowed -",
        "- reload allowed -",
        "- shutdown allowed -",
    ];
    assert_eq!(said, expected);
    assert_eq!(report.lines, expected.len() as u64);
    assert_eq!((&lines[0]["fault"], &lines[0]["ticket"]), (&id.as_str().into(), &"OPS-7".into()));
    assert_eq!(lines[0]["hypothesis"], "retries help");
    assert_eq!((&lines[3]["asked"], &lines[3]["allowed"]), (&"50%".into(), &"20%".into()));
    assert!(lines[6]["reason"].as_str().unwrap().starts_with("stopped by "));
    assert!(lines[8]["reason"].as_str().unwrap().starts_with("halted by "));
    assert!(lines[9]["reason"].as_str().unwrap().contains("HALTED"));
}
