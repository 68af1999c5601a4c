//! `injector profile`.

mod find;
mod whole;

use clap::{Args, Subcommand};

use super::{
    args::How,
    ask::values,
    context::{Context, block_on},
    foreground::Signals,
    out::{self, Outcome, Stop},
    plan,
    table::Table,
    text, together,
    whom::Whom,
};
use crate::{
    api::{
        Client,
        types::{Doc, FaultDoc},
    },
    error::Error,
    spec::{FaultName, FaultSpec, Match, Peer, Profile, ProfileFault},
};

/// Run several faults as one: kinds of networks, and your own.
#[derive(Debug, Args)]
pub(super) struct Profiles {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Name the profiles.
    List,
    /// Print one: what it is like, where its figures are from, its faults.
    Show {
        /// Its name, as injector profile list has it.
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
    /// Plan its faults, and start them one after another, as one: if one would be refused, none is started.
    Run(Box<Run>),
}

/// Plan its faults, and start them one after another, as one: if one would be refused, none is started.
#[derive(Debug, Args)]
struct Run {
    /// Its name, as injector profile list has it.
    #[arg(value_name = "PROFILE")]
    profile: Option<String>,
    #[command(flatten)]
    whom: Whom,
    /// Only packets to or from CIDR or NAME, with :PORT or :LOW-HIGH behind it or alone; repeat it for several.
    #[arg(long, visible_alias = "to", value_name = "PEER")]
    peer: Vec<String>,
    #[command(flatten)]
    how: How,
}

/// Runs the verb.
pub(super) fn run(args: &Profiles, context: &Context) -> Outcome {
    match &args.what {
        What::List => list(context),
        What::Show { name } => {
            let found = find::named(name.as_deref(), context)?;
            out::say(found.text.trim_end())
        }
        What::Run(run) => run.run(context),
    }
}

fn list(context: &Context) -> Outcome {
    let mut table = Table::new(&["NAME", "FAULTS", "FROM", "WHAT IT IS LIKE"]);
    for find::Found { profile, from, .. } in find::all(context)? {
        let verbs: Vec<&str> = profile.faults.iter().map(|fault| fault.fault.verb()).collect();
        table.row([profile.name.to_string(), verbs.join(", "), from, profile.about.to_string()]);
    }
    table.lines().iter().try_for_each(|line| out::say(line))
}

impl Run {
    fn run(&self, context: &Context) -> Outcome {
        let specs = self.specs(&find::named(self.profile.as_deref(), context)?.profile)?;
        let client = context.client()?;
        if self.how.dry_run {
            return block_on(whole::check(&specs, &client, |plan| plan::print(plan, context)))?;
        }
        block_on(whole::check::<Error>(&specs, &client, |_| Ok(())))??;
        if !self.how.detach {
            return together::run(&specs, context);
        }
        block_on(detach(&specs, &client, context))?
    }

    /// Its faults, checked. With `--name db` they are called `db-1`, `db-2` and so on.
    fn specs(&self, profile: &Profile) -> Result<Vec<FaultSpec>, Error> {
        let peer: Vec<Peer> = values("--peer", &self.peer)?;
        profile.specs(|index, ProfileFault { fault, matching }| {
            let matching = Match { peer: peer.clone(), ..matching.clone() };
            let spec = self.whom.spec("profile", fault.clone(), matching)?;
            let name = spec.name.map(|name| format!("{name}-{}", index + 1).parse::<FaultName>());
            let spec = FaultSpec { name: name.transpose()?, ..spec };
            spec.validate()?;
            Ok(spec)
        })
    }
}

/// What was begun is told when all are: a refused one, or a signal, leaves nothing.
async fn detach(specs: &[FaultSpec], client: &Client, context: &Context) -> Outcome {
    let mut signals = Signals::new()?;
    let mut begun: Vec<Doc<FaultDoc>> = Vec::new();
    for spec in specs {
        let mut started = std::pin::pin!(client.post("/v1/faults", spec));
        let (answer, interrupted) = tokio::select! {
            biased;
            // What was asked for may have begun: only its answer has the ID by which it is stopped.
            () = signals.any() => (started.await, true),
            answer = &mut started => (answer, false),
        };
        let failed = answer.map(|fault| begun.push(fault)).err();
        if interrupted || failed.is_some() {
            let ids: Vec<String> = begun.into_iter().map(|fault| fault.body.id).collect();
            together::stop(client, &ids).await;
            let stopped = || Error::interrupted("interrupted before all were armed: none is left");
            return Err(Stop::Error(failed.filter(|_| !interrupted).unwrap_or_else(stopped)));
        }
    }
    begun.iter().try_for_each(|fault| {
        if context.json { out::document(fault) } else { out::say(&text::first_line(fault, true)) }
    })
}
