//! Where profiles are: in the program, and in a directory of one's own.

use std::{collections::BTreeMap, fs, io::ErrorKind, path::Path};

use crate::{
    cli::context::Context,
    error::Error,
    spec::{BUILT_IN, Profile, near},
};

/// More is not a profile.
const LARGEST: u64 = 64 * 1024;

/// A profile, its text, and where that is.
pub(super) struct Found {
    pub(super) profile: Profile,
    pub(super) text: String,
    pub(super) from: String,
}

/// All of them by name; one's own take the place of those of the program.
pub(super) fn all(context: &Context) -> Result<Vec<Found>, Error> {
    let mut found = BTreeMap::new();
    for text in BUILT_IN {
        let profile = Profile::parse(text)?;
        let one = Found { profile, text: text.to_owned(), from: "built in".to_owned() };
        found.insert(one.profile.name.clone(), one);
    }
    let mut own = BTreeMap::new();
    for one in directory(&context.config()?.profiles)? {
        let (name, from) = (one.profile.name.clone(), one.from.clone());
        if let Some(Found { from: other, .. }) = own.insert(name.clone(), one) {
            return Err(Error::usage(format!("the profile {name} is there twice: {other} and {from}"))
                .hint("give one of them another name"));
        }
    }
    found.extend(own);
    Ok(found.into_values().collect())
}

/// The one with this name.
pub(super) fn named(name: Option<&str>, context: &Context) -> Result<Found, Error> {
    let Some(name) = name else {
        return Err(Error::usage("which profile?").hint("injector profile list names them"));
    };
    let mut all = all(context)?;
    let Some(index) = all.iter().position(|found| found.profile.name.as_str() == name) else {
        let names = all.iter().map(|found| found.profile.name.as_str());
        let near = near(name, names, 3).join(" or ");
        let hint = if near.is_empty() { String::new() } else { format!("perhaps {near}; ") };
        return Err(Error::usage(format!("there is no profile `{}`", name.escape_debug()))
            .hint(format!("{hint}injector profile list names them")));
    };
    Ok(all.swap_remove(index))
}

/// The files `*.yaml` of a directory, by name; none if it is not there.
fn directory(path: &Path) -> Result<Vec<Found>, Error> {
    let failed = |error: std::io::Error| {
        Error::failed(format!("can't read the profiles in {}: {error}", path.display()))
            .hint("`profiles` in the configuration says where they are")
    };
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    files.retain(|file| file.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

fn read(file: &Path) -> Result<Found, Error> {
    let shown = file.display().to_string();
    let failed = |error: std::io::Error| Error::failed(format!("can't read the profile {shown}: {error}"));
    if fs::metadata(file).map_err(failed)?.len() > LARGEST {
        return Err(Error::usage(format!("the profile {shown} is larger than {LARGEST} bytes"))
            .hint("docs/PROFILES.md has examples"));
    }
    let text = fs::read_to_string(file).map_err(failed)?;
    let profile = Profile::parse(&text).map_err(|error| Error {
        message: format!("the profile {shown} is wrong: {}", error.message),
        ..error
    })?;
    Ok(Found { profile, text, from: shown })
}
