//! Cgroups by pattern.

use super::tree::children;
use super::{Host, path};
use crate::error::Error;
use crate::spec::TargetSpec;

/// The paths that match, ascending; never none.
pub(super) fn cgroups(host: &Host, pattern: &str) -> Result<Vec<String>, Error> {
    let mut found = vec![String::new()];
    for part in pattern.split('/').skip(1) {
        let mut below = Vec::new();
        for above in &found {
            let names = children(host, above)?;
            let matching = names.iter().filter(|name| matches(part, name));
            below.extend(matching.map(|name| format!("{above}/{name}")));
        }
        if below.is_empty() {
            return Err(nothing(host, pattern, part, &found));
        }
        found = below;
    }
    Ok(found)
}

/// The pattern ends with these: what comes later is not a target.
pub(super) fn note(spec: &TargetSpec, count: usize) -> String {
    format!("{spec} is {count} cgroups now: those that come later are not hit")
}

/// Says which part of the pattern matched nothing, and what there would have been.
fn nothing(host: &Host, pattern: &str, part: &str, above: &[String]) -> Error {
    let place = match above {
        [one] if one.is_empty() => "/".to_owned(),
        [one] => one.clone(),
        several => format!("what matches before it ({})", path::some(several)),
    };
    let mut names: Vec<String> =
        above.iter().flat_map(|above| children(host, above).unwrap_or_default()).collect();
    names.sort();
    names.dedup();
    let has = if names.is_empty() { "no cgroups below it".into() } else { path::some(&names) };
    Error::not_found(format!("no cgroup matches {pattern}"))
        .hint(format!("nothing is like `{part}`: {place} has {has}"))
}

/// Does `name` match, `*` standing for any letters, also none, and `?` for one? In at most
/// `pattern.len() * name.len()` steps: only the last `*` is ever tried again.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Behind the last `*`, and up to where of the name it has been stretched.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, n));
                p += 1;
            }
            Some(letter) if *letter == '?' || *letter == name[n] => (p, n) = (p + 1, n + 1),
            _ => {
                let Some((behind, stretched)) = star else { return false };
                star = Some((behind, stretched + 1));
                (p, n) = (behind, stretched + 1);
            }
        }
    }
    pattern[p..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        let all = [
            ("*", "", true),
            ("*", "x", true),
            ("?", "", false),
            ("?", "é", true),
            ("a*c", "abbc", true),
            ("a*c", "abcb", false),
            ("*.service", "nginx.service", true),
            ("*.service", "nginx.service.d", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("docker-????.scope", "docker-4f2a.scope", true),
            ("docker-????.scope", "docker-4f2.scope", false),
            ("abc", "abcd", false),
            ("abc?", "abc", false),
        ];
        for (pattern, name, expected) in all {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        assert!(!matches(&"a*".repeat(500), &"a".repeat(400)), "and soon");
    }
}
