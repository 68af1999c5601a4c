//! What may have been meant.

/// Up to `most` of `candidates` that are near to `asked`, nearest first: one holds the other, or at most a
/// third of the longer one's letters (and at least 2) have to change. Case does not matter.
pub fn near<'a>(asked: &str, candidates: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let asked: Vec<char> = asked.to_lowercase().chars().take(256).collect();
    let text: String = asked.iter().collect();
    let mut found: Vec<(usize, &str)> = Vec::new();
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        let letters: Vec<char> = lower.chars().collect();
        let distance = distance(&asked, &letters);
        let holds =
            asked.len() >= 3 && letters.len() >= 3 && (lower.contains(&text) || text.contains(&lower));
        if holds || distance <= (asked.len().max(letters.len()) / 3).max(2) {
            found.push((distance, candidate));
        }
    }
    found.sort();
    found.dedup();
    found.into_iter().take(most).map(|(_, name)| name).collect()
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
        assert!(near("quite-else", ["nginx"], 3).is_empty());
    }
}
