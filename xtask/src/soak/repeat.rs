//! Native tests, again and again: what one run does not show.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::End;
use crate::{benchmarks, command, paths, setup};

/// For one run of one test.
const LIMIT: Duration = Duration::from_secs(300);

/// The binaries.
struct Built {
    tests: PathBuf,
    injector: PathBuf,
}

fn build() -> Result<Built> {
    setup::install(true)?;
    let made = |args: &[&str], target: &str| {
        let mut cargo = Command::new("cargo");
        cargo.args(args).args(["--package", "injector-user", "--message-format=json-render-diagnostics"]);
        cargo.current_dir(paths::repo()).stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = cargo.output().context("starting cargo")?;
        ensure!(output.status.success(), "cargo {}: {}", args.join(" "), output.status);
        benchmarks::executable(&output.stdout, target).with_context(|| format!("cargo told of no {target}"))
    };
    Ok(Built {
        injector: made(&["build", "--bin", "injector"], "injector")?,
        tests: made(&["test", "--test", "native_faults", "--no-run"], "native_faults")?,
    })
}

impl Built {
    /// Runs one test and returns what it printed.
    fn run(&self, test: &str) -> Result<Vec<String>> {
        let mut run = Command::new(&self.tests);
        let (reader, writer) = std::io::pipe()?;
        run.args(["--test-threads=1", "--nocapture", "--exact", test])
            .env("INJECTOR_BIN", &self.injector)
            .env("INJECTOR_KERNEL", "native")
            .env("INJECTOR_SOAK", "1")
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        command::die_with_us(&mut run);
        let mut child = run.spawn().context("starting the test")?;
        // The command holds the pipe's writing ends; while it does, the pipe has no end.
        drop(run);
        let mut lines = Vec::new();
        let in_time =
            command::follow(&mut child, reader, Instant::now() + LIMIT, |line| lines.push(line.to_owned()))?;
        if !in_time {
            child.kill()?;
        }
        let status = child.wait()?;
        let all = lines.join("\n");
        ensure!(in_time, "{test}: ended by the time limit of {} s\n{all}", LIMIT.as_secs());
        ensure!(status.success(), "{test}: {status}\n{all}");
        // A name that matches nothing passes as well.
        ensure!(all.contains("1 passed"), "{test}: there is no such test\n{all}");
        Ok(lines)
    }
}

/// The daemon's death.
pub fn kills(times: u32) -> Result<End> {
    let built = build()?;
    let (mut kills, mut fault, mut sweep) = (0, 0, 0);
    for time in 1..=times {
        let lines = built.run("life::nothing_survives_the_daemons_death")?;
        let line = said(&lines, "n=")?;
        println!("kills {time} of {times}: {line}");
        let [n, last, gone] = numbers(line)?;
        (kills, fault, sweep) = (kills + n, fault.max(last), sweep.max(gone));
    }
    Ok(End::Passed(format!("n={kills} kills: last fault after {fault} ms, all gone after {sweep} ms")))
}

/// The dice.
pub fn draws(times: u32) -> Result<End> {
    let built = build()?;
    let (mut hits, mut draws) = (0_u64, 0_u64);
    for time in 1..=times {
        let lines = built.run("loss::udp_loss_at_egress_ipv4")?;
        let line = measured(&lines, " UDP loss at egress: ")?;
        println!("draws {time} of {times}: {line}");
        let [of, hit] = numbers(line)?;
        (hits, draws) = (hits + hit, draws + of);
    }
    let sigma = off(hits, draws, 0.05);
    let found =
        format!("n={draws} draws: {hits} lost, {:.4} %, {sigma:+.2} sigma", share(hits, draws) * 100.0);
    ensure!(sigma.abs() <= 5.0, "{found}");
    // It judges itself, by the chain's own variance.
    let lines = built.run("like_netem::bursts_have_their_share")?;
    Ok(End::Passed(format!("{found}; {}", measured(&lines, " bursts: ")?)))
}

/// Calls that fail, in a guest: each case judges itself.
pub fn calls() -> Result<End> {
    let mut run = Command::new(std::env::current_exe()?);
    run.args(["test", "--kernel", "6.1-override", "calls::as_often"]).env("INJECTOR_SOAK", "1");
    run.current_dir(paths::repo()).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = run.output().context("starting the tests")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{}\n{text}", output.status);
    let cases: Vec<&str> = text.lines().filter(|line| line.contains(" of lseek in ")).collect();
    ensure!(!cases.is_empty(), "no case was measured:\n{text}");
    let found = cases.iter().filter_map(|line| Some(line[line.find("n=")?..].to_owned()));
    Ok(End::Passed(found.collect::<Vec<_>>().join("; ")))
}

/// Many short connections; the test judges itself.
pub fn flows() -> Result<End> {
    let built = build()?;
    let lines = built.run("connections::every_short_connection_is_counted")?;
    Ok(End::Passed(measured(&lines, " connections, ")?.to_owned()))
}

/// What follows this word in the line that holds it: libtest writes on the same line as the test.
fn said<'a>(lines: &'a [String], word: &str) -> Result<&'a str> {
    let found = lines.iter().find_map(|line| line.find(word).map(|at| &line[at..]));
    found.with_context(|| format!("the test said nothing of `{word}`:\n{}", lines.join("\n")))
}

/// The line that holds this word, from its number of samples on.
fn measured<'a>(lines: &'a [String], word: &str) -> Result<&'a str> {
    let found =
        lines.iter().find(|line| line.contains(word)).and_then(|line| Some(&line[line.find("n=")?..]));
    found.with_context(|| format!("the test has not measured `{word}`:\n{}", lines.join("\n")))
}

/// The first whole numbers in a text.
fn numbers<const N: usize>(text: &str) -> Result<[u64; N]> {
    let words = text.split(|letter: char| !letter.is_ascii_digit()).filter(|word| !word.is_empty());
    let found: Vec<u64> = words.take(N).map(str::parse).collect::<Result<_, _>>()?;
    match found.try_into() {
        Ok(found) => Ok(found),
        Err(_) => bail!("fewer than {N} numbers in {text:?}"),
    }
}

fn share(hits: u64, n: u64) -> f64 {
    hits as f64 / n as f64
}

/// How many standard deviations so many hits are from what a fair die does.
fn off(hits: u64, n: u64, p: f64) -> f64 {
    let n = n as f64;
    (hits as f64 - n * p) / (n * p * (1.0 - p)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_where_tests_print_them() -> Result<()> {
        let lines = [
            "test a ... n=100000: victim lost 4989".to_owned(),
            "n=100000 UDP loss at egress: 4989 hits, expected 5000, off by -0.16 sigma".to_owned(),
        ];
        let [of, hits] = numbers(measured(&lines, " UDP loss at egress: ")?)?;
        assert_eq!((hits, of), (4989, 100_000));
        assert!((off(hits, of, 0.05) + 0.16).abs() < 0.01);
        assert!(numbers::<2>("only 1").is_err());
        assert_eq!(said(&lines, "n=")?, "n=100000: victim lost 4989");
        assert!(measured(&lines, "bursts").is_err() && said(&lines, "kills").is_err());
        Ok(())
    }
}
