//! What the demo makes: namespaces, cgroups, two nginx, clients and a daemon; all of it goes with the world.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::cgroup::Cgroup;
use super::daemon::Daemon;
use super::kernel_objects::Objects;
use super::load::{Load, PACE};
use super::netns::Netns;
use super::probe::Http;
use super::process::{Process, until};
use crate::{command, paths};

/// Where the servers are.
const NODE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// Where the clients are.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

/// Each phase of the load has a port of its own, so that its flows are added up apart from all others.
pub const PORTS: u16 = 16;

/// How long programs may take that do little.
const PATIENCE: Duration = Duration::from_secs(20);

/// An nginx in a cgroup of its own. Fields are dropped in this order.
pub struct Server {
    process: Process,
    /// `victim` or `control`.
    pub name: &'static str,
    /// Its clients', below it. They run on the same kernel, so they feel a fault of the server's as well; if they
    /// were no part of the target, the guard of the control group would end the fault for their sake.
    clients: Cgroup,
    /// Its cgroup, which is its name to injector.
    pub cgroup: Cgroup,
    /// Its first port.
    pub port: u16,
}

/// All of it. Fields are dropped in this order.
pub struct World {
    /// The daemon and its CLI.
    pub daemon: Daemon,
    /// The one that is hurt.
    pub victim: Server,
    /// The one that must not be.
    pub control: Server,
    parent: Cgroup,
    /// Where the clients are.
    pub client: Netns,
    /// Where the servers and the daemon are.
    pub node: Netns,
    /// Configurations, logs and the page.
    pub dir: TempDir,
}

impl World {
    /// Makes it.
    pub fn new(injector: &Path) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("injector-demo-").tempdir()?;
        let (node, client) = (Netns::new("node")?, Netns::new("client")?);
        node.run("ip", &format!("link add v0 type veth peer name v1 netns {}", client.path()))?;
        for (netns, link, address) in [(&node, "v0", NODE), (&client, "v1", CLIENT)] {
            netns.run("ip", &format!("address add {address}/24 dev {link}"))?;
            netns.run("ip", &format!("link set {link} up"))?;
        }
        // Each packet is acknowledged at once: else a round trip lasts as long as the client thinks.
        client
            .run("ip", "route change 10.77.0.0/24 dev v1 src 10.77.0.2 proto kernel scope link quickack 1")?;
        fs::write(dir.path().join(PACE.0), PACE.1)?;
        let parent = Cgroup::new(&format!("demo-{}", std::process::id()))?;
        let victim = Server::start("victim", 8100, &parent, &node, dir.path())?;
        let control = Server::start("control", 8200, &parent, &node, dir.path())?;
        for server in [&victim, &control] {
            client.within(|| server.answers())?;
        }
        let daemon = Daemon::start(injector, dir.path(), &node, &[&victim.cgroup, &control.cgroup])?;
        Ok(Self { daemon, victim, control, parent, client, node, dir })
    }

    /// Both servers, the victim first.
    pub fn servers(&self) -> [&Server; 2] {
        [&self.victim, &self.control]
    }

    /// Starts the load on both servers, on the ports of this phase.
    pub fn load(&self, phase: u16, seconds: u64) -> Result<[Load; 2]> {
        let start = |server: &Server| {
            let url = format!("http://{}/page.html", server.address(phase));
            Load::start(&self.client, &server.clients, self.dir.path(), &url, seconds)
        };
        Ok([start(&self.victim)?, start(&self.control)?])
    }

    /// What the namespaces hold: links, queueing disciplines and filters; and what of it is not of our making.
    pub fn inventory(&self) -> Result<(Vec<String>, Vec<String>)> {
        let (mut all, mut strange) = (Vec::new(), Vec::new());
        for netns in [&self.node, &self.client] {
            let links: Vec<String> = netns
                .run("ip", "-brief link show")?
                .lines()
                .filter_map(|line| Some(line.split_whitespace().next()?.split('@').next()?.to_owned()))
                .collect();
            strange.extend(
                links
                    .iter()
                    .filter(|link| !["lo", "v0", "v1"].contains(&link.as_str()))
                    .map(|link| format!("link {link} in {}", netns.name)),
            );
            let (mut qdiscs, mut filters) = (0, 0);
            for link in &links {
                let listed = netns.run("tc", &format!("qdisc show dev {link}"))?;
                // An interface's own is there from the start; ours would be clsact, or netem on a device of ours.
                for qdisc in listed.lines().filter(|line| !line.contains("noqueue")) {
                    qdiscs += 1;
                    strange.push(format!("{} in {}", qdisc.trim(), netns.name));
                }
                for side in ["ingress", "egress"] {
                    // Fails where nothing can hold a filter.
                    let found =
                        netns.run("tc", &format!("filter show dev {link} {side}")).unwrap_or_default();
                    filters += found.lines().count();
                    strange.extend(found.lines().map(|line| format!("{} in {}", line.trim(), netns.name)));
                }
            }
            all.push(format!(
                "{}: links {}, {qdiscs} qdiscs, {filters} filters",
                netns.name,
                links.join(" ")
            ));
        }
        Ok((all, strange))
    }

    /// Takes everything down in order; a line for each thing that was shown to be gone.
    pub fn take_down(mut self) -> Result<Vec<String>> {
        let mut proof = Vec::new();
        let pid = self.daemon.pid();
        let held = Objects::of(pid)?;
        let took = self.daemon.end()?;
        proof.push(format!("daemon (pid {pid}): ended in {} ms when told to", took.as_millis()));
        let mut alive = held.alive();
        // The kernel frees programs a moment after their last user.
        until("the kernel's last look at our programs", PATIENCE, || {
            alive = held.alive();
            Ok((alive.len() == 0).then_some(()))
        })
        .with_context(|| format!("still in the kernel: {alive:?}"))?;
        let (links, programs) = (held.links.len(), held.programs.len());
        proof.push(format!("kernel: the {links} BPF links and {programs} programs that it held are gone"));
        let (listed, strange) = self.inventory()?;
        ensure!(strange.is_empty(), "left in the namespaces: {}", strange.join("; "));
        proof.push(format!("namespaces before they go: {}; none of injector's", listed.join("; ")));
        for server in [&mut self.victim, &mut self.control] {
            server.process.end()?;
        }
        for server in self.servers() {
            server.clients.remove()?;
            server.cgroup.remove()?;
        }
        self.parent.remove()?;
        proof.push(format!("cgroups: {} and what was below it are removed", self.parent.path));
        for netns in [&self.node, &self.client] {
            let left = netns.processes()?;
            ensure!(left.is_empty(), "processes in namespace {}: {left:?}", netns.name);
        }
        proof.push("namespaces: no process is in them; they go with their last descriptor".to_owned());
        let Self { dir, .. } = self;
        let path = dir.path().to_owned();
        dir.close()?;
        proof.push(format!("files: {} is removed", path.display()));
        Ok(proof)
    }
}

impl Server {
    fn start(name: &'static str, port: u16, parent: &Cgroup, node: &Netns, dir: &Path) -> Result<Self> {
        let prefix = dir.join(name);
        fs::create_dir_all(prefix.join("www"))?;
        fs::write(prefix.join("www/page.html"), "a page of some size\n".repeat(50))?;
        let config = prefix.join("nginx.conf");
        fs::write(&config, configuration(port))?;
        let program = paths::program("nginx").context("no nginx: run `cargo xtask setup`")?;
        let command = || {
            let mut command = Command::new(&program);
            command.arg("-p").arg(&prefix).arg("-e").arg(prefix.join("error.log")).arg("-c").arg(&config);
            command
        };
        command::output(command().arg("-t"))?;
        let cgroup = parent.child(name)?;
        let clients = cgroup.child("clients")?;
        let mut nginx = command();
        node.hold(&mut nginx)?;
        cgroup.hold(&mut nginx)?;
        let process = Process::start("nginx", &mut nginx, &prefix.join("nginx.log"))?;
        Ok(Self { process, name, clients, cgroup, port })
    }

    /// Where it listens in this phase; phase 0 is the prober's.
    pub fn address(&self, phase: u16) -> SocketAddr {
        SocketAddr::from((NODE, self.port + phase))
    }

    /// The directory of its pages.
    pub fn pages(&self, dir: &Path) -> String {
        dir.join(self.name).join("www").display().to_string()
    }

    /// As a target is named.
    pub fn target(&self) -> String {
        format!("cgroup:{}", self.cgroup.path)
    }

    fn answers(&self) -> Result<()> {
        let mut http = Http::new(self.address(0));
        until(&format!("the first page of the {}", self.name), PATIENCE, || {
            Ok(matches!(http.get(), Ok(200)).then_some(()))
        })
    }
}

/// All paths are relative to the prefix. Without a cache of open files each request opens its page.
fn configuration(port: u16) -> String {
    let listen: String = (0..PORTS).map(|phase| format!("listen {}; ", port + phase)).collect();
    format!(
        "daemon off; master_process on; worker_processes 1; user root; pid pid;\n\
         events {{ worker_connections 512; }}\n\
         http {{ access_log off; open_file_cache off; keepalive_requests 1000000; default_type text/html;\n\
         client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; \
         scgi_temp_path t5;\n\
         server {{ {listen} root www; }} }}\n"
    )
}
