//! More real sockets than one process may have open: some in each of several processes of ours.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, UdpSocket},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

/// The flag with which this program is one of them: the last byte of its address and how many sockets follow.
const FLAG: &str = "--sockets";
/// In one process, at one address: below the 20,000 files that some hosts allow, and the 28,000 ports that there are.
pub const EACH: usize = 16_384;

/// Processes with sockets, in the cgroup and the network namespace of who made them.
pub struct Crowd(Vec<One>);

struct One {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl One {
    fn hears(&mut self, what: &str) -> Result<()> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(line.trim_end() == what, "a process with sockets said {line:?} in place of {what:?}");
        Ok(())
    }
}

impl Crowd {
    /// So many more processes, with so many sockets each.
    pub fn add(&mut self, processes: usize, each: usize) -> Result<()> {
        for _ in 0..processes {
            let last = self.0.len() + 1;
            let mut child = Command::new(std::env::current_exe()?)
                .args([FLAG, &last.to_string(), &each.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .context("starting a process with sockets")?;
            let orders = child.stdin.take().context("no stdin")?;
            let answers = BufReader::new(child.stdout.take().context("no stdout")?);
            self.0.push(One { child, orders, answers });
            let Some(one) = self.0.last_mut() else { continue };
            one.hears("ready")?;
        }
        Ok(())
    }

    /// None yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// So many packets from each socket, one behind the other.
    pub fn play(&mut self, packets: usize) -> Result<()> {
        for one in &mut self.0 {
            writeln!(one.orders, "{packets}")?;
            one.hears("sent")?;
        }
        Ok(())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for one in &mut self.0 {
            one.child.kill().ok();
            one.child.wait().ok();
        }
    }
}

/// What such a process does, if this is one.
pub fn run_if_asked() -> Result<bool> {
    let mut words = std::env::args().skip_while(|word| word != FLAG).skip(1);
    let (Some(last), Some(count)) = (words.next(), words.next()) else { return Ok(false) };
    let (last, count) = (last.parse()?, count.parse()?);
    let sockets = (0..count)
        .map(|_| {
            let socket = UdpSocket::bind((Ipv4Addr::new(10, 92, 0, last), 0))?;
            // Its packets end in nothing: the neighbour has another address.
            socket.connect((Ipv4Addr::new(10, 92, 1, 0), 9))?;
            Ok(socket)
        })
        .collect::<Result<Vec<_>>>()?;
    let order = shuffled(count);
    println!("ready");
    for line in std::io::stdin().lines() {
        let packets: usize = line?.parse()?;
        for at in &order {
            for _ in 0..packets {
                sockets[*at].send(&[0; 64])?;
            }
        }
        println!("sent");
    }
    Ok(true)
}

/// An order in which no cache helps.
fn shuffled(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut seed = 88_172_645_463_325_252_u64;
    for at in (1..count).rev() {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        order.swap(at, (seed % (at as u64 + 1)) as usize);
    }
    order
}
