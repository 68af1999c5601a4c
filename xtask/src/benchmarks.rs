//! docs/BENCHMARKS.md, which keeps the last figures, and what must stand beside any figure.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{command, paths};

const HEAD: &str = "# Benchmarks\n\nWritten by `cargo xtask bench --write` and `cargo xtask soak --write`; do not edit \
    between the marks.\n";

/// Date, kernel and processor, in one line.
pub fn machine() -> Result<String> {
    let date = command::output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").context("reading the kernel's release")?;
    let facts = fs::read_to_string("/proc/cpuinfo").context("reading /proc/cpuinfo")?;
    let model = facts.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let cpus = std::thread::available_parallelism()?;
    let load = fs::read_to_string("/proc/loadavg").context("reading /proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or("?").to_owned();
    Ok(format!("{}, Linux {}, {model}, {cpus} CPUs, load {load}", date.trim(), kernel.trim()))
}

/// The program that `cargo --message-format=json` says it made of this target.
pub fn executable(messages: &[u8], target: &str) -> Option<PathBuf> {
    let text = String::from_utf8_lossy(messages);
    let mut messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.find_map(|message| {
        (message["target"]["name"] == target).then(|| message["executable"].as_str().map(PathBuf::from))?
    })
}

/// Replaces what the file says in this section.
pub fn write(section: &str, body: &str) -> Result<()> {
    let file = paths::repo().join("docs/BENCHMARKS.md");
    let old = if file.exists() {
        fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?
    } else {
        HEAD.to_owned()
    };
    fs::create_dir_all(paths::repo().join("docs"))?;
    fs::write(&file, replaced(&old, section, body)).with_context(|| format!("writing {}", file.display()))
}

fn replaced(old: &str, section: &str, body: &str) -> String {
    let (begin, end) = (format!("<!-- {section}: begin -->"), format!("<!-- {section}: end -->"));
    let new = format!("{begin}\n{}\n{end}", body.trim());
    let place = old.find(&begin).and_then(|from| Some((from, from + old[from..].find(&end)? + end.len())));
    match place {
        Some((from, to)) => format!("{}{new}{}", &old[..from], &old[to..]),
        None => format!("{}\n\n## {section}\n\n{new}\n", old.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_added_and_then_replaced() {
        let once = replaced("# B\n", "bench", "one\n");
        assert_eq!(once, "# B\n\n## bench\n\n<!-- bench: begin -->\none\n<!-- bench: end -->\n");
        let both = replaced(&once, "soak", "two");
        assert_eq!(replaced(&both, "bench", "three"), both.replace("one", "three"));
    }

    #[test]
    fn an_executable_is_found_by_its_target() {
        let text = "no json\n{\"target\":{\"name\":\"a\"},\"executable\":null}\n\
            {\"target\":{\"name\":\"a\"},\"executable\":\"/t/a\"}\n";
        assert_eq!(executable(text.as_bytes(), "a"), Some("/t/a".into()));
        assert_eq!(executable(text.as_bytes(), "b"), None);
    }
}
