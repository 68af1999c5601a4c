//! Numbers with units, for everything that shows some.

/// `4,210`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `850 us`, `41.2 ms`, `1.20 s`; `-` with too few samples.
pub fn micros(micros: Option<u64>) -> String {
    match micros {
        None => "-".to_owned(),
        Some(us) if us < 1_000 => format!("{us} us"),
        Some(us) if us < 1_000_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        Some(us) => format!("{}.{:02} s", us / 1_000_000, us % 1_000_000 / 10_000),
    }
}

/// `12 ms`, `1.5 s`.
pub fn span_ms(ms: u64) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { format!("{}.{} s", ms / 1_000, ms % 1_000 / 100) }
}

/// `512 B`, `1.5 MB`.
pub fn bytes(bytes: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => format!("{}.{} {unit}", bytes / size, bytes % size * 10 / size),
        None => format!("{bytes} B"),
    }
}

/// `999`, `12.3k`, `4.5M`: a count in five places.
pub fn short(number: u64) -> String {
    let units = [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    match units.into_iter().find(|(size, _)| number >= *size) {
        Some((size, unit)) if number / size < 100 => {
            format!("{}.{}{unit}", number / size, number % size * 10 / size)
        }
        Some((size, unit)) => format!("{}{unit}", number / size),
        None => number.to_string(),
    }
}
