//! `injector limits` and `injector certificate`.

use clap::{Args, Subcommand};

use super::{
    context::{Context, block_on},
    out::{self, Outcome},
    text,
};
use crate::{
    api::types::{CertificateDoc, Doc, LimitsDoc},
    limits,
};

/// Show the node's limits, read them again, or check a file.
#[derive(Debug, Args)]
pub(super) struct Limits {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The limits as the daemon holds them.
    Show,
    /// Read the file again; a bad one leaves the old limits, and nothing can be armed until it is right.
    Reload,
    /// Check a file without a daemon.
    Check {
        /// The file.
        #[arg(value_name = "FILE", default_value = limits::DEFAULT_PATH)]
        file: std::path::PathBuf,
    },
    /// The file's JSON Schema.
    Schema,
}

/// Runs the verb.
pub(super) fn run(args: &Limits, context: &Context) -> Outcome {
    match &args.what {
        What::Show => show(&block_on(context.client()?.get("/v1/limits"))??, context),
        What::Reload => show(&block_on(context.client()?.order("/v1/limits/reload"))??, context),
        What::Check { file } => {
            limits::load(file)?;
            out::say(&format!("{}: right", file.display()))
        }
        What::Schema => out::say(&limits::schema()),
    }
}

fn show(doc: &Doc<LimitsDoc>, context: &Context) -> Outcome {
    if context.json {
        return out::document(doc);
    }
    let limits = &doc.body;
    let digest = if limits.sha256.is_empty() { "no file: built in" } else { &limits.sha256 };
    out::say(&format!("{}: mode {}, {} ({digest})", doc.node, limits.mode, limits.path))?;
    if let Some(wrong) = &limits.wrong {
        out::say(&format!("NOTHING CAN BE ARMED: {wrong}"))?;
    }
    let Some(keys) = limits.limits.as_object() else { return Ok(()) };
    keys.iter().filter(|(_, value)| !value.is_null()).try_for_each(|(key, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        out::say(&format!("  {key}: {value}"))
    })
}

/// One page: what shadow faults would have done.
pub(super) fn certificate(context: &Context) -> Outcome {
    let doc: Doc<CertificateDoc> = block_on(context.client()?.get("/v1/certificate"))??;
    if context.json {
        return out::document(&doc);
    }
    page(&doc).iter().try_for_each(|line| out::say(line))
}

fn page(doc: &Doc<CertificateDoc>) -> Vec<String> {
    let (node, c) = (&doc.node, &doc.body);
    let Some(since) = &c.since else {
        return vec![format!(
            "{node}: no shadow fault has run yet. With `mode: shadow` in the limits: injector drop ... --shadow"
        )];
    };
    let share = |part: u64| if c.matched == 0 { 0.0 } else { part as f64 * 100.0 / c.matched as f64 };
    let hits =
        if c.protected_hits == 0 { "0".to_owned() } else { format!("{} (!)", text::count(c.protected_hits)) };
    let mut lines = vec![
        format!("CERTIFICATE for {node}, shadow faults since {since}"),
        format!(
            "  faults           {} ({} s with at least one)",
            text::count(c.faults),
            text::count(c.seconds)
        ),
        format!("  matched          {} packets or calls", text::count(c.matched)),
        format!(
            "  would have acted {} ({:.2} % of the matches); nothing was touched",
            text::count(c.would_have_acted),
            share(c.would_have_acted)
        ),
        format!("  protected        {} left alone, {hits} hits", text::count(c.protected)),
        format!(
            "  highest share    {} of the node's TCP traffic",
            c.highest_share_percent
                .map_or_else(|| "not measured: too little".to_owned(), |share| format!("{share:.2} %"))
        ),
        format!(
            "  cost             {} a packet or call; the daemon: {:.1} s of processor, {} resident",
            c.cost_ns.map_or_else(|| "not measured".to_owned(), |ns| format!("{ns:.0} ns")),
            c.daemon_cpu_seconds,
            text::bytes(c.daemon_rss_bytes)
        ),
        format!("  cgroups          {}", text::count(c.cgroups.len() as u64)),
    ];
    lines.extend(c.cgroups.iter().take(20).map(|path| format!("    {path}")));
    lines
}
