//! A report as Markdown.

use std::fmt::Write as _;

use super::blocks::Block;

/// The whole document.
pub(super) fn render(blocks: &[Block]) -> String {
    let mut text = String::new();
    for block in blocks {
        // A String takes everything.
        _ = match block {
            Block::Title(title) => writeln!(text, "# {}\n", escaped(title)),
            Block::Heading(heading) => writeln!(text, "## {heading}\n"),
            Block::Text(paragraph) => writeln!(text, "{}\n", escaped(paragraph)),
            Block::Lines(lines) => writeln!(text, "{}\n", indented(lines)),
            Block::Chart(chart) => {
                writeln!(text, "(Chart, with `--format html`: {}.)\n", escaped(&chart.title))
            }
        };
    }
    text
}

/// What Markdown, or HTML in it, could take for something else.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '!' | '~' => {
                out.extend(['\\', letter]);
            }
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '&' => out += "&amp;",
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}

/// A block of code by indentation: nothing in it can end it but a line that is not indented, and there is none.
fn indented(lines: &[String]) -> String {
    let line = |line: &String| {
        let clean: String =
            line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        format!("    {}", clean.trim_end())
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}
