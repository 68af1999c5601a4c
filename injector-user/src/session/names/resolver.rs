//! A thread that looks names up again while faults hang on them. The engine neither waits for it nor fails with it: a
//! resolver that hangs makes the answer late, and nothing else.

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
};

/// How one name is looked up.
pub type LookUp = fn(&str) -> Result<Vec<IpAddr>, String>;
/// What was found for each name, or why nothing was.
pub type Answer = BTreeMap<String, Result<Vec<IpAddr>, String>>;

/// See the module. The thread ends when this is dropped, once it has no name left to look up.
#[derive(Debug)]
pub struct Resolver {
    questions: SyncSender<Vec<String>>,
    answers: Receiver<Answer>,
    busy: bool,
}

impl Resolver {
    /// Starts the thread.
    ///
    /// # Errors
    /// The host has no room for one more.
    pub fn spawn(look_up: LookUp) -> io::Result<Self> {
        let (questions, asked) = sync_channel::<Vec<String>>(1);
        let (answered, answers) = sync_channel(1);
        std::thread::Builder::new().name("names".into()).spawn(move || {
            for names in asked {
                let answer: Answer = names
                    .into_iter()
                    .map(|name| {
                        let found = look_up(&name);
                        (name, found)
                    })
                    .collect();
                if answered.send(answer).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { questions, answers, busy: false })
    }

    /// Asks, unless the last answer has yet to come.
    pub fn ask(&mut self, names: Vec<String>) {
        if !self.busy {
            self.busy = self.questions.try_send(names).is_ok();
        }
    }

    /// Whether an answer has yet to come.
    #[cfg(test)]
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// The answer, if it is there.
    pub fn answer(&mut self) -> Option<Answer> {
        match self.answers.try_recv() {
            Ok(answer) => {
                self.busy = false;
                Some(answer)
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Held: the resolver hangs.
    static HANGS: Mutex<()> = Mutex::new(());

    fn slow(name: &str) -> Result<Vec<IpAddr>, String> {
        let _until = HANGS.lock().unwrap();
        if name == "gone" { Err("no such name".into()) } else { Ok(vec![IpAddr::from([10, 0, 0, 1])]) }
    }

    #[test]
    fn whoever_asks_does_not_wait_and_asks_once() {
        let hangs = HANGS.lock().unwrap();
        let mut resolver = Resolver::spawn(slow).unwrap();
        resolver.ask(vec!["db".into(), "gone".into()]);
        resolver.ask(vec!["not asked while it is busy".into()]);
        assert!(resolver.answer().is_none());
        drop(hangs);
        let answer = loop {
            if let Some(answer) = resolver.answer() {
                break answer;
            }
            std::thread::yield_now();
        };
        assert_eq!(answer.keys().collect::<Vec<_>>(), ["db", "gone"]);
        assert!(answer["db"].is_ok() && answer["gone"].is_err());
    }
}
