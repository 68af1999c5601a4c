//! A report as one file of HTML that is XML, too: no script, and nothing that is loaded from elsewhere.

use std::fmt::Write as _;

use super::blocks::Block;

const HEAD: &str = r#"<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="viewport" content="width=device-width"/>
<style>
body { font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; background: #fff; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f4f4; padding: 0.7em; font-size: 13px; line-height: 1.4; }
figure { margin: 1em 0; } svg { max-width: 100%; height: auto; } svg text { font: 12px sans-serif; fill: #333; }
</style>
"#;

/// The whole document.
pub(super) fn render(blocks: &[Block]) -> String {
    let title = blocks.iter().find_map(|block| match block {
        Block::Title(title) => Some(escaped(title)),
        _ => None,
    });
    let mut text = format!("{HEAD}<title>{}</title>\n</head>\n<body>\n", title.unwrap_or_default());
    for block in blocks {
        // A String takes everything.
        _ = match block {
            Block::Title(title) => writeln!(text, "<h1>{}</h1>", escaped(title)),
            Block::Heading(heading) => writeln!(text, "<h2>{}</h2>", escaped(heading)),
            Block::Text(paragraph) => writeln!(text, "<p>{}</p>", escaped(paragraph)),
            Block::Lines(lines) => {
                let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
                writeln!(text, "<pre>{}</pre>", lines.join("\n"))
            }
            Block::Chart(chart) => {
                let title = escaped(&chart.title);
                writeln!(text, "<figure><figcaption>{title}</figcaption>\n{}</figure>", chart.svg())
            }
        };
    }
    text + "</body>\n</html>\n"
}

/// Text as text, whatever is in it. Letters that XML has not are shown as U+FFFD.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            '\n' | '\t' => out.push(letter),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}');
            }
            letter => out.push(letter),
        }
    }
    out
}
