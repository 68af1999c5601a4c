//! Text in HTML: the only way that any gets there.

use std::fmt;

/// Shows itself with all that means something in HTML, or turns text round, as references or marks.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
                f.write_str("?")
            }
            c if c.is_control() => f.write_str("?"),
            c => fmt::Write::write_char(f, c),
        })
    }
}
