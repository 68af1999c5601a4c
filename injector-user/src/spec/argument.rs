//! `2&O_DIRECT`: an argument of a system call against a number.

use super::{argument_flags::FLAGS, as_text, near};
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// The last argument of a system call; they are numbered from 0.
const LAST: u32 = 5;

/// How an argument is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compare {
    /// `=`: the whole argument.
    Same,
    /// `!=`
    Other,
    /// `<`, without a sign.
    Less,
    /// `>`, without a sign.
    More,
    /// `&`: all these bits are set, whatever the others are.
    Bits,
}

/// In the order in which they are looked for: `!=` has `=` in it.
const SIGNS: [(&str, Compare); 5] = [
    ("!=", Compare::Other),
    ("=", Compare::Same),
    ("<", Compare::Less),
    (">", Compare::More),
    ("&", Compare::Bits),
];

/// A comparison such as `2&O_DIRECT` or `1=O_RDWR|O_SYNC`: the argument's number from 0 to 5, a sign, and a number
/// (decimal, or with `0x` or `0o`) or names of flags joined by `|`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ArgumentTest {
    argument: u32,
    compare: Compare,
    /// As it was typed.
    value: String,
    number: i128,
}

impl ArgumentTest {
    /// Which argument, 0 to 5.
    pub fn argument(&self) -> u32 {
        self.argument
    }
    /// How.
    pub fn compare(&self) -> Compare {
        self.compare
    }
    /// The number, in `-2^31..2^64`; negative only for [`Compare::Same`] and [`Compare::Other`], and then an `int`.
    pub fn number(&self) -> i128 {
        self.number
    }
}

fn wrong(text: &str, why: impl fmt::Display) -> Error {
    Error::usage(format!("the comparison `{}` {why}", text.escape_debug()))
}

impl FromStr for ArgumentTest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let usual = "write the argument's number, a sign and a value, such as 2&O_DIRECT or 2>4096";
        let at = text.find(['!', '=', '<', '>', '&']);
        let (argument, rest) =
            at.map(|at| text.split_at(at)).ok_or_else(|| wrong(text, "has no sign").hint(usual))?;
        let sign = SIGNS.into_iter().find_map(|(sign, how)| Some((how, rest.strip_prefix(sign)?)));
        let (compare, value) = sign.ok_or_else(|| wrong(text, "has no sign").hint(usual))?;
        let argument = argument.trim();
        let argument = match argument.parse() {
            Ok(number) if number <= LAST && argument.bytes().all(|byte| byte.is_ascii_digit()) => number,
            _ => {
                return Err(wrong(text, "names no argument").hint(format!(
                    "they are numbered from 0 to {LAST}, as man 2 of the call has them: 2&O_DIRECT"
                )));
            }
        };
        let value = value.trim();
        let number = number(text, value)?;
        if number < 0 && !matches!(compare, Compare::Same | Compare::Other) {
            return Err(wrong(text, "has a negative number")
                .hint("only = and != have them: the others compare without a sign"));
        }
        if number == 0 && compare == Compare::Bits {
            return Err(wrong(text, "asks for no bit").hint("write = to compare with 0"));
        }
        if number == 0 && compare == Compare::Less {
            return Err(wrong(text, "never holds").hint("nothing is less than 0 without a sign"));
        }
        Ok(Self { argument, compare, value: value.to_owned(), number })
    }
}

/// The number that `value` stands for; `text` is all of the comparison.
fn number(text: &str, value: &str) -> Result<i128, Error> {
    let mut number = 0;
    let several = value.contains('|');
    for part in value.split('|').map(str::trim) {
        let (digits, radix) = match part.get(..2) {
            Some("0x") => (&part[2..], 16),
            Some("0o") => (&part[2..], 8),
            _ => (part, 10),
        };
        let flag = FLAGS.iter().find(|(name, _)| *name == part).map(|(_, number)| i128::from(*number));
        let plain = || i128::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'));
        let Some(one) = flag.or_else(plain) else {
            let near = near(part, FLAGS.iter().map(|(name, _)| *name), 3);
            let hint = match near.as_slice() {
                [] => "write a number, as in 42 or 0x2a, or a name such as O_DIRECT".to_owned(),
                near => format!("did you mean {}?", near.join(", ")),
            };
            return Err(
                wrong(text, format_args!("has the unknown value `{}`", part.escape_debug())).hint(hint)
            );
        };
        if one < i128::from(i32::MIN) || one > i128::from(u64::MAX) || (one < 0 && several) {
            return Err(wrong(text, "has a number that no argument can be")
                .hint("it is 0 to 2^64-1, or for an int from -2147483648"));
        }
        number |= one;
    }
    Ok(number)
}

impl fmt::Display for ArgumentTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = SIGNS.iter().find(|(_, how)| *how == self.compare).map_or("", |(sign, _)| *sign);
        write!(f, "{}{sign}{}", self.argument, self.value)
    }
}

as_text!(ArgumentTest, "a comparison such as \"2&O_DIRECT\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared() {
        let is = |text: &str| {
            let test: ArgumentTest = text.parse().unwrap();
            assert_eq!(test.to_string(), text.replace(' ', ""));
            (test.argument, test.compare, test.number)
        };
        assert_eq!(is("2=42"), (2, Compare::Same, 42));
        assert_eq!(is("0 != 0x2a"), (0, Compare::Other, 42));
        assert_eq!(is("5<0o20"), (5, Compare::Less, 16));
        assert_eq!(is("2>4096"), (2, Compare::More, 4096));
        assert_eq!(is("1&O_CREAT|O_EXCL"), (1, Compare::Bits, i128::from(libc::O_CREAT | libc::O_EXCL)));
        assert_eq!(is("0=AT_FDCWD"), (0, Compare::Same, -100));
        assert_eq!(is("1=18446744073709551615"), (1, Compare::Same, i128::from(u64::MAX)));
    }

    #[test]
    fn what_is_refused() {
        let cases = [
            ("O_DIRECT", "has no sign"),
            ("2!O_DIRECT", "has no sign"),
            ("6=1", "names no argument"),
            ("+1=1", "names no argument"),
            ("=1", "names no argument"),
            ("2=", "has the unknown value ``"),
            ("2=O_DIRECTT", "has the unknown value `O_DIRECTT`"),
            ("2=+1", "has the unknown value `+1`"),
            ("2==1", "has the unknown value `=1`"),
            ("2<-1", "has a negative number"),
            ("2<0", "never holds"),
            ("1&O_RDONLY", "asks for no bit"),
            ("1=18446744073709551616", "has a number that no argument can be"),
            ("1=-2147483649", "has a number that no argument can be"),
            ("0=AT_FDCWD|1", "has a number that no argument can be"),
        ];
        for (text, why) in cases {
            let error = text.parse::<ArgumentTest>().unwrap_err();
            assert!(error.message.ends_with(why), "{text}: {error}");
            assert!(error.hint.is_some());
        }
        let error = "2&O_DIRCT".parse::<ArgumentTest>().unwrap_err();
        assert!(error.hint.unwrap().contains("O_DIRECT"));
    }
}
