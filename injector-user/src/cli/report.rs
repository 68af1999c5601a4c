//! `injector report`.

mod blocks;
mod chart;
mod html;
mod markdown;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{
    context::{Context, block_on},
    out::{self, Outcome},
    stop,
};
use crate::{
    api::{
        client::encoded,
        types::{Doc, ReportDoc},
    },
    error::Error,
};

/// Write a report of one fault, armed or ended: before, during and after, what was asked and what came of it.
#[derive(Debug, Args)]
pub(super) struct Report {
    /// Its ID, name, or a unique beginning of its ID.
    #[arg(value_name = "ID")]
    id: String,
    /// As what [default: md; json with --json].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Where to; a file that is there is written over.
    #[arg(long, value_name = "FILE|-", default_value = "-")]
    output: PathBuf,
}

/// What it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Markdown, without charts.
    Md,
    /// The document of the API, with the histograms.
    Json,
    /// One file that needs nothing else, with charts and without scripts.
    Html,
}

/// Runs the verb.
pub(super) fn run(args: &Report, context: &Context) -> Outcome {
    let path = format!("/v1/faults/{}/report", encoded(stop::named(&args.id)?));
    let report: Doc<ReportDoc> = block_on(context.client()?.get(&path))??;
    let default = if context.json { Format::Json } else { Format::Md };
    let text = render(&report, args.format.unwrap_or(default))?;
    if args.output == Path::new("-") {
        return out::say(text.trim_end());
    }
    let path = args.output.display();
    Ok(std::fs::write(&args.output, text).map_err(|error| {
        Error::failed(format!("{path} can't be written: {error}"))
            .hint("--output takes a file in a directory that you may write to, or -")
    })?)
}

fn render(report: &Doc<ReportDoc>, format: Format) -> Result<String, Error> {
    Ok(match format {
        Format::Md => markdown::render(&blocks::of(report)),
        Format::Html => html::render(&blocks::of(report)),
        Format::Json => {
            let text = serde_json::to_string(report);
            text.map_err(|error| Error::failed(format!("the report can't be written: {error}")))? + "\n"
        }
    })
}

#[cfg(test)]
#[path = "report/tests.rs"]
mod tests;
