//! Pictures on a terminal of memory, and keys.

use std::path::Path;

use ratatui::{Terminal, backend::TestBackend, buffer::Buffer, style::Color};

use super::{
    feed::Look,
    keys::Key,
    state::{Halting, State, Todo},
    *,
};
use crate::{
    api::types::HaltDoc,
    cli::when,
    observe::golden::samples::{cost, first_flows, flows, saturation, status},
};

fn look(second: u64) -> Look {
    Look {
        node: "web-14".into(),
        status: status(),
        flows: flows(second),
        saturation: Some(saturation()),
        cost: None,
    }
}

/// After a few seconds.
fn state() -> State {
    let mut state = State::default();
    (10..16).for_each(|second| state.look(look(second)));
    state
}

fn buffer(state: &State, width: u16, height: u16, colour: bool) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw::draw(frame, state, colour)).unwrap();
    terminal.backend().buffer().clone()
}

fn lines(state: &State, width: u16, height: u16) -> Vec<String> {
    let buffer = buffer(state, width, height, false);
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(line).collect()
}

/// All lines; the clock on the wall is another one in each time zone.
fn picture(state: &State, width: u16, height: u16) -> String {
    let clocks = ["2026-01-01T14:02:15Z", "2026-01-01T14:02:16Z"].map(when::clock);
    let text = lines(state, width, height).join("\n");
    clocks.iter().fold(text, |text, clock| text.replace(clock, "HH:MM:SS"))
}

#[test]
fn pictures_are_as_recorded() {
    let mut halted = state();
    let mut with_halt = look(16);
    with_halt.status.halted =
        Some(HaltDoc { by: "root".into(), why: "enough".into(), since: "2026-01-01T14:02:15Z".into() });
    with_halt.status.faults.clear();
    with_halt.flows.at = "2026-01-01T14:02:15.5Z".into();
    halted.look(with_halt);
    let mut asked = state();
    asked.key(Key::Halt);
    let (mut dependencies, mut of_db) = (state(), state());
    dependencies.key(Key::Into);
    for key in [Key::Into, Key::Down, Key::Into, Key::Sort] {
        of_db.key(key);
    }
    let mut measured = state();
    assert_eq!(measured.key(Key::Cost), Todo::Measure(true));
    measured.look(Look { cost: Some(cost()), ..look(16) });
    let mut busy = look(16);
    busy.status.faults = (0..9).map(|_| busy.status.faults[0].clone()).collect();
    busy.status.saturated = (0..9).map(|_| busy.status.saturated[0].clone()).collect();
    let mut busy_state = state();
    busy_state.look(busy);
    let mut first = State::default();
    first.look(Look { flows: first_flows(16), ..look(16) });
    let mut gone = state();
    gone.gone(&Error::unreachable("no daemon answers on /run/injector/injector.sock"));
    let mut odd = state();
    let mut worse = look(16);
    worse.flows.at = "2026-01-01T14:02:15.5Z".into();
    worse.status.faults[0].achieved.verdict = Some(crate::api::types::Fidelity::Off);
    worse.status.faults[0].summary = "evil\u{1b}[2J\u{202e}name".into();
    odd.look(worse);
    let pictures = [
        ("cgroups", &state(), 80, 24),
        ("dependencies of the first", &dependencies, 80, 24),
        ("flows of its second dependency, by latency", &of_db, 80, 24),
        ("asked whether to halt", &asked, 80, 24),
        ("halted", &halted, 80, 24),
        ("the daemon is gone", &gone, 80, 24),
        ("a fault that is off, with a hostile name", &odd, 80, 24),
        ("the own cost is measured", &measured, 80, 24),
        ("nine faults, and much that is full", &busy_state, 80, 24),
        ("the same on the least terminal", &busy_state, 60, 16),
        ("the first look", &first, 80, 24),
        ("wide", &state(), 130, 24),
        ("nothing yet", &State::default(), 80, 16),
        ("too small", &state(), 50, 10),
    ];
    let all: String = pictures
        .iter()
        .map(|(what, state, width, height)| {
            format!("--- {what} ({width}x{height}) ---\n{}\n", picture(state, *width, *height))
        })
        .collect();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/top.txt");
    if env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &all).unwrap();
    }
    let published = std::fs::read_to_string(&golden).unwrap();
    assert!(all == published, "the screens have changed; see them with UPDATE_GOLDEN=1 and git diff");
}

#[test]
fn without_colour_there_is_none_and_with_it_the_same_letters() {
    let mut state = state();
    state.gone(&Error::unreachable("x"));
    let (plain, coloured) = (buffer(&state, 80, 24, false), buffer(&state, 80, 24, true));
    assert!(plain.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    assert!(coloured.content.iter().any(|cell| cell.fg == Color::Red));
    let letters =
        |buffer: &Buffer| buffer.content.iter().map(|cell| cell.symbol().to_owned()).collect::<String>();
    assert_eq!(letters(&plain), letters(&coloured));
}

#[test]
fn a_halt_takes_two_keys_and_any_other_key_is_a_no() {
    let mut state = state();
    assert_eq!(state.key(Key::Yes), Todo::Nothing, "nobody asked");
    for no in [Key::Down, Key::Halt, Key::Into, Key::Out, Key::Other] {
        assert_eq!(state.key(Key::Halt), Todo::Nothing);
        assert_eq!(state.halting, Halting::Asked);
        assert_eq!(state.key(no), Todo::Nothing, "{no:?}");
        assert_eq!(state.halting, Halting::No, "{no:?}");
        assert_eq!(state.key(Key::Yes), Todo::Nothing, "{no:?}");
    }
    state.key(Key::Halt);
    assert_eq!(state.key(Key::Yes), Todo::Halt);
    assert_eq!(state.halting, Halting::Begun);
    assert_eq!(state.key(Key::Halt), Todo::Nothing, "it is under way");
    assert_eq!(state.halting, Halting::Begun);
    state.halted("HALTED".into());
    assert_eq!(state.key(Key::Quit), Todo::Quit);
    state.key(Key::Halt);
    assert_eq!(state.key(Key::Quit), Todo::Quit, "also when asked");
}

#[test]
fn the_chosen_row_stays_chosen_and_what_is_gone_is_left() {
    let mut state = state();
    state.key(Key::Last);
    let chosen = |state: &State| {
        let (rows, at) = state.rows();
        rows[at].name.clone()
    };
    let last = chosen(&state);
    state.key(Key::Sort);
    state.look(look(20));
    assert_eq!(chosen(&state), last, "whatever comes first now");
    state.key(Key::First);
    state.key(Key::Into);
    assert_eq!(state.entered(), ["/system.slice/nginx.service"]);
    let mut empty = look(21);
    empty.flows = Default::default();
    empty.saturation = None;
    empty.flows.at = "2026-01-01T14:02:21Z".into();
    state.look(empty);
    assert_eq!((state.entered().len(), state.rows().0.len()), (0, 0));
    assert_eq!(state.key(Key::Into), Todo::Nothing);
    state.look(look(22));
    assert!(state.entered().is_empty(), "a key after it was gone has left it");
}

#[test]
fn many_rows_scroll_with_the_chosen_one() {
    let mut state = State::default();
    let mut many = look(10);
    many.flows.watched = (0..100).map(|n| format!("/cgroup-{n:03}")).collect();
    state.look(many);
    for _ in 0..60 {
        state.key(Key::Down);
    }
    let (rows, at) = state.rows();
    let chosen = rows[at].name.clone();
    let shown = lines(&state, 80, 24);
    assert!(shown.iter().any(|line| line.starts_with(&format!("> {chosen}"))), "{shown:#?}");
    assert!(shown[23].starts_with("H: halt q: quit up/down"), "the keys are still there: {shown:#?}");
}

#[test]
fn what_is_no_screen_is_told_what_to_do() {
    let cases = [
        (true, Some("xterm"), true, "no JSON"),
        (false, Some("xterm"), false, "needs a terminal"),
        (false, Some("dumb"), true, "dumb"),
        (false, None, true, "dumb"),
        (false, Some(""), true, "dumb"),
    ];
    for (json, term, terminal, says) in cases {
        let error = can_draw(json, term, terminal).unwrap_err();
        assert!(error.message.contains(says), "{error}");
        assert!(error.hint.unwrap().contains("injector flows --watch"));
    }
    can_draw(false, Some("vt100"), true).unwrap();
}
