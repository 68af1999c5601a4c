//! What may have been meant.

/// Up to `most` of `candidates` that are near to `asked`, nearest first: one holds the other, or at most a
/// third of the longer one's letters (and at least 2) have to change; of those, only the nearest. Case and a common
/// ending such as `.service` do not matter.
pub fn near<'a>(asked: &str, candidates: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let asked: String = asked.to_lowercase().chars().take(256).collect();
    let mut found: Vec<(usize, bool, &str)> = Vec::new();
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        let (one, other) = stems(&asked, &lower);
        let letters: [Vec<char>; 2] = [one.chars().collect(), other.chars().collect()];
        let distance = distance(&letters[0], &letters[1]);
        let (shorter, longer) = (one.len().min(other.len()), letters[0].len().max(letters[1].len()));
        let holds = shorter >= 3 && (one.contains(other) || other.contains(one));
        if holds || distance <= (longer / 3).max(2) {
            found.push((distance, holds, candidate));
        }
    }
    found.sort();
    found.dedup();
    let nearest = found.first().map_or(0, |(distance, ..)| *distance);
    let wanted =
        found.into_iter().filter(|(distance, holds, _)| *distance == nearest || (*holds && nearest > 0));
    wanted.take(most).map(|(.., name)| name).collect()
}

/// Both without their ending, if it is the same.
fn stems<'a>(one: &'a str, other: &'a str) -> (&'a str, &'a str) {
    match (one.rsplit_once('.'), other.rsplit_once('.')) {
        (Some((a, ending)), Some((b, same))) if ending == same => (a, b),
        _ => (one, other),
    }
}

/// Levenshtein's distance.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let change = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_first() {
        assert_eq!(distance(&['a', 'b'], &['b']), 1);
        assert_eq!(near("EIOO", ["EIO", "EBADF", "EPERM"], 3), ["EIO"]);
        let units = ["nginx.service", "ngrok.service", "cron.service"];
        assert_eq!(near("ngnix.service", units, 1), ["nginx.service"]);
        assert_eq!(near("postgres", ["postgresql@15-main.service"], 1), ["postgresql@15-main.service"]);
        assert_eq!(near("ngix.service", units, 3), ["nginx.service"]);
        assert!(near("quite-else", ["nginx"], 3).is_empty());
    }
}
