//! What keys mean.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A key that means something here, or any other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    First,
    Last,
    Into,
    Out,
    Sort,
    /// Measures the own cost, or no longer.
    Cost,
    Quit,
    /// Asks whether to halt.
    Halt,
    Yes,
    /// Draws everything anew.
    Redraw,
    Other,
}

/// The key of an event; `None`: it is of no key that was pressed.
pub(super) fn key(event: &Event) -> Option<Key> {
    let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event else { return None };
    if *kind == KeyEventKind::Release {
        return None;
    }
    if modifiers.contains(KeyModifiers::CONTROL) {
        return Some(match code {
            KeyCode::Char('c') => Key::Quit,
            KeyCode::Char('l') => Key::Redraw,
            _ => Key::Other,
        });
    }
    Some(match code {
        KeyCode::Up | KeyCode::Char('k') => Key::Up,
        KeyCode::Down | KeyCode::Char('j') => Key::Down,
        KeyCode::Home => Key::First,
        KeyCode::End => Key::Last,
        KeyCode::Enter | KeyCode::Right => Key::Into,
        KeyCode::Esc | KeyCode::Left | KeyCode::Backspace => Key::Out,
        KeyCode::Char('s') => Key::Sort,
        KeyCode::Char('c') => Key::Cost,
        KeyCode::Char('q') => Key::Quit,
        KeyCode::Char('H') => Key::Halt,
        KeyCode::Char('y') => Key::Yes,
        _ => Key::Other,
    })
}
