//! The daemon's configuration file.

mod listen;
mod page;

use std::{
    fs::File,
    io::{ErrorKind, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use ipnet::IpNet;
pub use listen::Listen;
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    limits,
    spec::{HostName, Span, TargetSpec},
};

/// Where the configuration is unless `--config` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/injector/config.yaml";

/// The daemon's HTTP port for Prometheus.
pub const DEFAULT_METRICS: &str = "127.0.0.1:9842";

/// More is not a configuration file.
const LARGEST: u64 = 64 * 1024;

/// What `most_flows` may be.
const LEAST_FLOWS: u64 = 1_024;
const MOST_FLOWS: u64 = 4_194_304;

/// Names in `peer_names`.
const MOST_NAMES: usize = 32;

const KEYS: &str = "its keys: socket, metrics, page, page_allow, limits, profiles, run_dir, state_dir, watch, lease, \
                    observe, most_flows, run_queue, peer_names";

/// What the node's owner set. Every key has a default; unknown keys are errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The Unix socket of the API.
    pub socket: PathBuf,
    /// Where `/metrics` is served, or `off`.
    pub metrics: Listen,
    /// Where the page for people is served, or `off`.
    pub page: Listen,
    /// Networks whose hosts may read it, beside this host; needed for an address that others can reach.
    pub page_allow: Vec<IpNet>,
    /// The limits file.
    pub limits: PathBuf,
    /// The directory of one's own profiles, `*.yaml`; it need not exist.
    pub profiles: PathBuf,
    /// What may vanish at a reboot: lock files, the watcher's state.
    pub run_dir: PathBuf,
    /// What must survive it: the journal and the halt file.
    pub state_dir: PathBuf,
    /// Targets whose flows are observed also while there is no fault.
    pub watch: Vec<TargetSpec>,
    /// How long a fault acts without the daemon's heartbeat: 500ms to 10s.
    pub lease: Span,
    /// Whose flows are observed.
    pub observe: Observe,
    /// Most flows that are observed at once, 1,024 to 4,194,304; each costs some 500 bytes of kernel memory.
    pub most_flows: u64,
    /// Whether it is also observed how long their tasks wait for a CPU: a program at every switch of the scheduler.
    pub run_queue: bool,
    /// Host names of peers, 32 at most: looked up once a minute, so that dependencies on their addresses are shown with them.
    pub peer_names: Vec<HostName>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            socket: "/run/injector/injector.sock".into(),
            metrics: Listen(Some(SocketAddr::from(([127, 0, 0, 1], 9842)))),
            page: Listen(None),
            page_allow: Vec::new(),
            limits: limits::DEFAULT_PATH.into(),
            profiles: "/etc/injector/profiles".into(),
            run_dir: "/run/injector".into(),
            state_dir: "/var/lib/injector".into(),
            watch: Vec::new(),
            lease: Span::from_secs(2),
            observe: Observe::Targets,
            most_flows: 262_144,
            run_queue: false,
            peer_names: Vec::new(),
        }
    }
}

/// Whose flows are observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Observe {
    /// Nobody's: nothing is attached while there is no fault. With one, the round trips of TCP, by which it is judged.
    Off,
    /// Those of the watched targets, of every fault's targets, and for some seconds of those that somebody asks for.
    #[default]
    Targets,
    /// Those of all cgroups, and at the interfaces of the daemon's namespace what no flow counts.
    Host,
}

impl Config {
    /// Reads the file that was named, which must exist, or the one at [`DEFAULT_PATH`], which need not.
    ///
    /// # Errors
    /// It can't be read, or a key or value is wrong: the message says line and column.
    pub fn load(path: Option<&Path>) -> Result<Self, Error> {
        let (path, may_miss) = match path {
            Some(path) => (path, false),
            None => (Path::new(DEFAULT_PATH), true),
        };
        let shown = path.display();
        let failed = |error: std::io::Error| {
            Error::usage(format!("can't read the configuration {shown}: {error}"))
                .hint("write the file or correct --config")
        };
        let mut file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound && may_miss => return Ok(Self::default()),
            other => other.map_err(failed)?,
        };
        let mut text = String::new();
        file.by_ref().take(LARGEST + 1).read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > LARGEST {
            return Err(
                Error::usage(format!("the configuration {shown} is larger than {LARGEST} bytes")).hint(KEYS)
            );
        }
        Self::parse(&text).map_err(|error| {
            Error::usage(format!("the configuration {shown} is wrong: {}", error.message))
                .hint(error.hint.unwrap_or_else(|| KEYS.to_owned()))
        })
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let nothing = text.lines().all(|line| matches!(line.trim().chars().next(), None | Some('#')));
        if nothing {
            return Ok(Self::default());
        }
        let config: Self = serde_saphyr::from_str(text).map_err(|error| Error::usage(error.to_string()))?;
        config.validate()?;
        Ok(config)
    }

    fn validate(&self) -> Result<(), Error> {
        let (least, most) = (Span::from_millis(500), Span::from_secs(10));
        if self.lease < least || self.lease > most {
            return Err(Error::usage(format!("the lease is {}", self.lease))
                .hint(format!("it is {least} to {most}: so long a fault acts when the daemon hangs")));
        }
        if !(LEAST_FLOWS..=MOST_FLOWS).contains(&self.most_flows) {
            return Err(Error::usage(format!("most_flows is {}", self.most_flows))
                .hint(format!("it is {LEAST_FLOWS} to {MOST_FLOWS}: so many flows are observed at once")));
        }
        if self.peer_names.len() > MOST_NAMES {
            return Err(Error::usage(format!("peer_names has {} names", self.peer_names.len()))
                .hint(format!("at most {MOST_NAMES}: each is looked up once a minute")));
        }
        page::validate(self.page.0, &self.page_allow)?;
        let paths = [
            ("socket", &self.socket),
            ("limits", &self.limits),
            ("profiles", &self.profiles),
            ("run_dir", &self.run_dir),
            ("state_dir", &self.state_dir),
        ];
        for (key, path) in paths {
            if !path.is_absolute() {
                return Err(Error::usage(format!("{key} `{}` is not absolute", path.display()))
                    .hint("start it with a slash"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Error {
        Config::parse(text).unwrap_err()
    }

    #[test]
    fn defaults_and_every_key() {
        assert_eq!(Config::parse("# nothing\n\n").unwrap(), Config::default());
        let text = "socket: /s\nmetrics: off\nlimits: /l\nprofiles: /p\nrun_dir: /r\nstate_dir: /v\nwatch: [unit:nginx]\n\
                    lease: 500ms\nobserve: targets\nmost_flows: 1024\nrun_queue: true\npeer_names: [DB.internal., x.example]\n";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.metrics, Listen(None));
        assert!(config.run_queue && !Config::default().run_queue, "an opt-in");
        assert_eq!(
            config.peer_names.iter().map(HostName::as_str).collect::<Vec<_>>(),
            ["db.internal", "x.example"]
        );
        assert_eq!(config.watch, ["unit:nginx".parse::<TargetSpec>().unwrap()]);
        assert_eq!((config.socket.as_path(), config.lease), (Path::new("/s"), Span::from_millis(500)));
        assert_eq!(Config::parse("metrics: '[::1]:1'").unwrap().metrics.to_string(), "[::1]:1");
        assert_eq!(Config::default().metrics.to_string(), DEFAULT_METRICS);
    }

    #[test]
    fn unknown_keys_and_bad_values_say_where() {
        let error = wrong("lease: 2s\nsokcet: /x\n").to_string();
        assert!(error.contains("sokcet") && error.contains("line 2"), "{error}");
        let error = wrong("lease: 3\n").to_string();
        assert!(error.contains("no unit") && error.contains("line 1"), "{error}");
        assert!(wrong("lease: 11s").message.contains("11s"));
        assert!(wrong("socket: run/x").message.contains("not absolute"));
        assert!(wrong("profiles: mine").message.contains("profiles `mine` is not absolute"));
        assert!(wrong("metrics: 9842").message.contains("9842"), "{}", wrong("metrics: 9842"));
        assert!(wrong("metrics: localhost").message.contains("localhost"));
        for (text, observe) in [("off", Observe::Off), ("targets", Observe::Targets), ("host", Observe::Host)]
        {
            assert_eq!(Config::parse(&format!("observe: {text}")).unwrap().observe, observe);
        }
        assert!(wrong("observe: all").message.contains("all"));
        for flows in ["most_flows: 1023", "most_flows: 4194305"] {
            assert!(wrong(flows).message.contains("most_flows is"), "{}", wrong(flows));
        }
        assert!(wrong("watch: [nginx]").message.contains("not a target"));
        assert!(wrong("peer_names: [10.0.0.5]").message.contains("not a host name"));
        let many: Vec<_> = (0..33).map(|n| format!("n{n}.internal")).collect();
        let names = |n: usize| format!("peer_names: [{}]", many[..n].join(", "));
        assert!(Config::parse(&names(32)).is_ok() && wrong(&names(33)).message.contains("33"));
    }

    #[test]
    fn the_page_is_off_and_then_this_hosts_own() {
        assert_eq!(Config::default().page, Listen(None));
        let page = |text: &str| Config::parse(text).map(|config| config.page.to_string());
        assert_eq!(page("page: 127.0.0.1:9843").unwrap(), "127.0.0.1:9843");
        assert_eq!(page("page: '[::1]:9843'").unwrap(), "[::1]:9843");
        for other in ["0.0.0.0:9843", "10.0.0.1:9843", "'[::]:9843'", "'[::ffff:10.0.0.1]:9843'"] {
            let error = wrong(&format!("page: {other}"));
            assert!(error.message.contains("page_allow") && error.hint.is_some(), "{other}: {error}");
            assert!(page(&format!("page: {other}\npage_allow: [10.1.0.0/16]")).is_ok(), "{other}");
        }
        assert!(wrong("page_allow: [everybody]").message.contains("line 1"));
    }

    #[test]
    fn a_named_file_must_exist() {
        assert!(
            Config::load(Some(Path::new("/nowhere/config.yaml"))).unwrap_err().message.contains("/nowhere")
        );
    }
}
