//! The terminal: taken, and given back as it was, however this ends.

use std::{
    io::{Stdout, stdout},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ratatui::{
    Frame, Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        event, execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
    layout::Rect,
};

use super::keys::{self, Key};
use crate::error::Error;

/// Whether the terminal is ours.
static OURS: AtomicBool = AtomicBool::new(false);

/// The terminal as long as it is ours: dropping this gives it back.
pub(super) struct Screen(Terminal<CrosstermBackend<Stdout>>);

impl Screen {
    /// Takes it. A panic, of any thread, gives it back before it is told.
    pub(super) fn enter() -> Result<Self, Error> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let tell = panic::take_hook();
            panic::set_hook(Box::new(move |what| {
                leave();
                tell(what);
            }));
        });
        OURS.store(true, Ordering::SeqCst);
        let terminal = enable_raw_mode()
            .and_then(|()| execute!(stdout(), EnterAlternateScreen))
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        match terminal {
            Ok(terminal) => Ok(Self(terminal)),
            Err(error) => {
                leave();
                Err(failed(&error))
            }
        }
    }

    /// A new picture.
    pub(super) fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> Result<(), Error> {
        self.0.draw(picture).map_err(|error| failed(&error))?;
        Ok(())
    }

    /// The next picture is drawn whole. Not by `Terminal::clear`, which asks the terminal where its cursor is and waits
    /// for the answer.
    pub(super) fn clear(&mut self) -> Result<(), Error> {
        let size = self.0.size().map_err(|error| failed(&error))?;
        self.0.resize(Rect::new(0, 0, size.width, size.height)).map_err(|error| failed(&error))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// The screen from before, its cursor, its line discipline. If the terminal is gone there is nothing to give back.
pub(super) fn leave() {
    if OURS.swap(false, Ordering::SeqCst) {
        _ = disable_raw_mode();
        _ = execute!(stdout(), LeaveAlternateScreen, Show);
    }
}

/// A key that is pressed within `wait`.
pub(super) fn key(wait: Duration) -> Result<Option<Key>, Error> {
    let failed = |error: std::io::Error| Error::failed(format!("can't read keys: {error}"));
    if !event::poll(wait).map_err(failed)? {
        return Ok(None);
    }
    Ok(keys::key(&event::read().map_err(failed)?))
}

fn failed(error: &std::io::Error) -> Error {
    Error::failed(format!("can't draw on this terminal: {error}"))
        .hint("for lines: injector flows --watch, injector status")
}
