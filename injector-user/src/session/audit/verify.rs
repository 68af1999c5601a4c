//! Walks the chain from its oldest line to its newest and says where it is broken.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    files,
    line::{self, Link, NOTHING, Seen},
    report::{Finding, Report},
};

/// How often the log is read again when a daemon wrote to it meanwhile.
const TRIES: usize = 5;

/// Checks the log in a directory with all its files, or one file alone: of that, neither what came before nor
/// whether it lost its last lines can be told.
///
/// # Errors
/// There is no such path, or it cannot be read.
pub fn verify(path: &Path) -> io::Result<Report> {
    if !fs::metadata(path)?.is_dir() {
        return walk(&[path.to_owned()], false).map(Walk::end);
    }
    let mut tried = 1;
    loop {
        let before = files::read_head(path);
        let mut walk = walk(&files::all(path), true)?;
        let head = files::read_head(path);
        // A daemon that writes at the same time is no damage.
        if tried == TRIES || matches!((&before, &head), (Ok(before), Ok(after)) if before == after) {
            walk.compare(&path.join("audit.head"), head);
            return Ok(walk.end());
        }
        tried += 1;
    }
}

/// The last `n` lines as they are, oldest first.
///
/// # Errors
/// They cannot be read.
pub fn last_lines(dir: &Path, n: usize) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    for path in files::all(dir).iter().rev() {
        let text = fs::read(path)?;
        let newest_first = text.split(|byte| *byte == b'\n').rev().filter(|line| !line.is_empty());
        lines.extend(
            newest_first.take(n - lines.len()).map(|line| String::from_utf8_lossy(line).into_owned()),
        );
        if lines.len() == n {
            break;
        }
    }
    lines.reverse();
    Ok(lines)
}

#[derive(Default)]
struct Walk {
    report: Report,
    /// The last line that had its place.
    last: Option<Link>,
    /// Lines that are none, since then.
    bad: Vec<(Finding, Vec<u8>)>,
    /// Links of the last two lines, to compare with the head.
    ends: Vec<Link>,
}

fn walk(paths: &[PathBuf], all: bool) -> io::Result<Walk> {
    let mut walk = Walk::default();
    for path in paths {
        let text = fs::read(path)?;
        // Only where the oldest file that is kept is there may others have been before it.
        let anything_before = !all || path.extension().is_some_and(|n| *n == *files::KEEP.to_string());
        let text = text.strip_suffix(b"\n").unwrap_or(&text);
        if text.is_empty() {
            continue;
        }
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let finding = |what: String| Finding { file: path.clone(), line: index + 1, what };
            walk.report.lines += 1;
            match line::unseal(line) {
                None => walk
                    .bad
                    .push((finding("it is not a line of the log: changed or torn".into()), line.into())),
                Some(seen) => walk.line(&seen, anything_before, &finding),
            }
        }
    }
    Ok(walk)
}

impl Walk {
    fn line(&mut self, seen: &Seen, anything_before: bool, finding: &dyn Fn(String) -> Finding) {
        let missing = self.excuse(seen);
        let problem = if seen.genuine {
            self.place(seen, anything_before, missing).or_else(|| noticed(seen))
        } else {
            Some("it was changed: its hash is not that of its text".into())
        };
        self.report.problems.extend(problem.map(finding));
        let follows = self.last.as_ref().is_none_or(|last| seen.seq > last.seq);
        if !seen.genuine {
            // Its number may be what was changed; the line after it says whether its hash was.
            let seq = self.last.as_ref().map_or(seen.seq, |last| last.seq + 1 + missing);
            self.last = Some(Link { seq, hash: seen.hash.clone() });
        } else if follows {
            self.last = Some(Link { seq: seen.seq, hash: seen.hash.clone() });
        }
        self.ends.extend(self.last.clone());
        self.ends.drain(..self.ends.len().saturating_sub(2));
    }

    /// Bad lines before this one: one that a crash tore is excused by what this line says of it. Gives the number
    /// of the others.
    fn excuse(&mut self, seen: &Seen) -> u64 {
        let bad = std::mem::take(&mut self.bad);
        if let [(finding, bytes)] = bad.as_slice()
            && seen.genuine
            && seen.damaged.as_ref() == Some(&line::damage(bytes))
        {
            let what = "torn by a crash; the line after it says so".into();
            self.report.notes.push(Finding { what, ..finding.clone() });
            return 0;
        }
        self.report.problems.extend(bad.iter().map(|(finding, _)| finding.clone()));
        bad.len() as u64
    }

    /// What is wrong with the place of a genuine line, behind `missing` lines that were reported already.
    fn place(&self, seen: &Seen, anything_before: bool, missing: u64) -> Option<String> {
        let Some(last) = &self.last else {
            return match seen.seq {
                1 if seen.prev != NOTHING => Some("it is the first, and names a line before it".into()),
                2.. if !anything_before && missing + 1 < seen.seq => {
                    Some(format!("{} missing before it", lines(1, seen.seq - 1)))
                }
                _ => None,
            };
        };
        let next = last.seq + 1;
        if seen.seq < next {
            return Some(format!("number {} after number {}: inserted here, or moved", seen.seq, last.seq));
        }
        if missing > 0 && seen.seq == next + missing {
            return None;
        }
        if seen.seq > next {
            return Some(format!("{} missing before it", lines(next, seen.seq - 1)));
        }
        (seen.prev != last.hash)
            .then(|| "it does not follow on the line before it: one of the two was replaced".into())
    }

    /// The head knows the last line: one that is not there was cut off.
    fn compare(&mut self, file: &Path, head: io::Result<Option<Link>>) {
        let finding = |what: String| Finding { file: file.to_owned(), line: 0, what };
        let last = self.ends.last().cloned().unwrap_or_else(|| Link { seq: 0, hash: NOTHING.into() });
        let what = match head {
            Err(error) => format!("it can't be read: {error}"),
            Ok(None) if last.seq == 0 => return,
            Ok(None) => format!("it is missing, and there are lines up to number {}", last.seq),
            Ok(Some(head)) if head == last => return,
            Ok(Some(head)) if head.seq > last.seq => {
                format!("it knows number {}, and the log ends with number {}: cut off", head.seq, last.seq)
            }
            Ok(Some(head))
                if head.seq + 1 == last.seq && (self.ends.first() == Some(&head) || head.seq == 0) =>
            {
                let what = format!("it knows number {} only: a crash came before it was written", head.seq);
                return self.report.notes.push(finding(what));
            }
            Ok(Some(head)) if head.seq == last.seq => {
                format!("it knows another line with number {}: that was replaced", head.seq)
            }
            Ok(Some(head)) => {
                format!("it knows number {}, and the log goes on to number {}", head.seq, last.seq)
            }
        };
        self.report.problems.push(finding(what));
    }

    fn end(mut self) -> Report {
        self.report.problems.extend(self.bad.into_iter().map(|(finding, _)| finding));
        let last = self.ends.pop().unwrap_or_default();
        Report { last_seq: last.seq, last_hash: last.hash, ..self.report }
    }
}

/// What the daemon itself found wrong with the log, unless a crash explains it.
fn noticed(seen: &Seen) -> Option<String> {
    let torn = seen.action == "torn" && seen.damaged.is_none();
    torn.then(|| format!("the daemon noticed at its start: {}", seen.reason.as_deref().unwrap_or("?")))
}

fn lines(first: u64, last: u64) -> String {
    if first == last { format!("number {first} is") } else { format!("numbers {first} to {last} are") }
}
