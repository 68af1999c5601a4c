//! A client of the victim's that asks every 20 ms, and from its answers the time until the victim was well again.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::netns::Netns;

/// Between two requests.
pub const EVERY: Duration = Duration::from_millis(20);

/// So many good answers in a row make a steady state.
pub const RUN: usize = 10;

/// A good answer takes at most so many times the 99th percentile of before.
pub const FACTOR: f64 = 1.5;

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(1);

/// A request and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    sent: Instant,
    took: Duration,
    ok: bool,
}

/// The client, at work on its own thread until [`Prober::stop`].
pub struct Prober {
    done: Arc<AtomicBool>,
    paused: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Answer>>>,
}

impl Prober {
    /// Starts asking.
    pub fn start(client: &Netns, to: SocketAddr) -> Result<Self> {
        let done = Arc::new(AtomicBool::new(false));
        let paused = Arc::new(AtomicBool::new(false));
        let (netns, until, pause) = (client.share()?, Arc::clone(&done), Arc::clone(&paused));
        let thread = std::thread::spawn(move || {
            let mut answers = Vec::new();
            if netns.enter().is_err() {
                return answers;
            }
            let mut http = Http::new(to);
            while !until.load(Ordering::Relaxed) {
                if pause.load(Ordering::Relaxed) {
                    std::thread::sleep(EVERY);
                    continue;
                }
                let sent = Instant::now();
                let ok = matches!(http.get(), Ok(200));
                let took = sent.elapsed();
                answers.push(Answer { sent, took, ok });
                std::thread::sleep(EVERY.saturating_sub(took));
            }
            answers
        });
        Ok(Self { done, paused, thread: Some(thread) })
    }

    /// Stops asking for a while, or goes on. Its round trips belong to the control group, where a fault's would
    /// be taken for harm.
    pub fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// All answers, in their order.
    pub fn stop(mut self) -> Vec<Answer> {
        self.join()
    }

    fn join(&mut self) -> Vec<Answer> {
        self.done.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.join();
    }
}

/// Whether and when the victim was well again.
#[derive(Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Answers before the fault.
    pub before: usize,
    /// The longest time that counts as good.
    pub bound: Duration,
    /// From the fault's end to the first of the good answers in a row; `None`: never.
    pub after: Option<Duration>,
}

/// Judges the answers: those sent before `armed` say what is good.
pub fn recovery(answers: &[Answer], armed: Instant, ended: Instant) -> Recovery {
    let mut before: Vec<Duration> =
        answers.iter().filter(|answer| answer.sent + answer.took < armed).map(|answer| answer.took).collect();
    before.sort_unstable();
    let rank = (before.len() * 99).div_ceil(100).saturating_sub(1);
    let bound = before.get(rank).copied().unwrap_or_default().mul_f64(FACTOR);
    let since: Vec<&Answer> = answers.iter().filter(|answer| answer.sent + answer.took >= ended).collect();
    let well = since.windows(RUN).find(|run| run.iter().all(|answer| answer.ok && answer.took <= bound));
    let after = well.map(|run| run[0].sent + run[0].took - ended);
    Recovery { before: before.len(), bound, after }
}

/// One connection, opened anew when the server closes it.
pub struct Http {
    to: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Http {
    /// Nothing is sent yet.
    pub fn new(to: SocketAddr) -> Self {
        Self { to, stream: None }
    }

    /// Asks once; the status of the answer.
    pub fn get(&mut self) -> io::Result<u16> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect_timeout(&self.to, PATIENCE)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                BufReader::new(stream)
            }
        };
        write!(stream.get_mut(), "GET /page.html HTTP/1.1\r\nHost: demo\r\n\r\n")?;
        let (mut status, mut length, mut keep) = (None, 0, true);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            } else if status.is_none() {
                status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
            } else if let Some(n) = line.strip_prefix("content-length: ") {
                length = n.parse().unwrap_or(0);
            } else if line == "connection: close" {
                keep = false;
            }
        }
        io::copy(&mut stream.by_ref().take(length), &mut io::sink())?;
        if keep {
            self.stream = Some(stream);
        }
        status.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_again_is_a_run_of_good_answers_after_the_end() {
        let begun = Instant::now();
        let ms = Duration::from_millis;
        // 1 s good, 1 s slow, then good but for one answer that failed at 2.1 s.
        let answers: Vec<Answer> = (0..150_u64)
            .map(|i| Answer {
                sent: begun + ms(20 * i),
                took: if (50..100).contains(&i) { ms(15) } else { ms(2) },
                ok: i != 105,
            })
            .collect();
        let judged = recovery(&answers, begun + ms(1000), begun + ms(2001));
        assert_eq!(judged, Recovery { before: 50, bound: ms(3), after: Some(ms(121)) });
        assert_eq!(recovery(&answers[..100], begun + ms(1000), begun + ms(1200)).after, None);
    }
}
