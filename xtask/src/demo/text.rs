//! How numbers and long lines are shown.

/// No line is longer.
pub const WIDTH: usize = 100;

/// Breaks a text into lines of at most [`WIDTH`] columns: the first after `first`, the rest after `rest`.
pub fn wrapped(first: &str, rest: &str, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, rest.to_owned()));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
    lines
}

/// Prints a text in lines of at most [`WIDTH`] columns.
pub fn say(first: &str, rest: &str, text: &str) {
    for line in wrapped(first, rest, text) {
        println!("{line}");
    }
}

/// `12,345`
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Microseconds as `850 us`, `41.2 ms` or `1.20 s`.
pub fn micros(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} us"),
        1_000..1_000_000 => format!("{:.1} ms", us as f64 / 1e3),
        _ => format!("{:.2} s", us as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_words() {
        let lines = wrapped("> ", "  ", &"word ".repeat(50));
        assert!(lines.len() == 3 && lines.iter().all(|line| line.len() <= WIDTH), "{lines:?}");
        assert!(lines[0].starts_with("> word") && lines[1].starts_with("  word"));
    }

    #[test]
    fn numbers_have_units() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([850, 41_250, 1_204_000].map(micros), ["850 us", "41.2 ms", "1.20 s"]);
    }
}
