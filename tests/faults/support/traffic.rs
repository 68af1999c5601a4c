//! Traffic: paced, numbered, counted.

use std::{
    collections::HashSet,
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsRawFd as _,
    time::{Duration, Instant},
};

use super::{
    cgroup::Cgroup,
    child::{Child, fork},
    netns::Netns,
    now_us,
};

fn address(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse::<IpAddr>().unwrap(), port)
}

/// Sends `n` numbered and stamped datagrams of 64 bytes, `per_ms` in each millisecond. Returns how many the kernel
/// took, and how many it refused.
pub fn send_udp(ip: &str, port: u16, n: u64, per_ms: u64) -> (u64, u64) {
    let any = if ip.contains(':') { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any).unwrap();
    socket.connect(address(ip, port)).unwrap();
    send_on(&socket, n, per_ms)
}

/// [`send_udp`] on a socket that stays.
pub fn send_on(socket: &UdpSocket, n: u64, per_ms: u64) -> (u64, u64) {
    let (mut sent, mut refused) = (0, 0);
    let begun = Instant::now();
    for number in 0..n {
        let due = Duration::from_millis(number / per_ms);
        while begun.elapsed() < due {
            std::thread::sleep(due.saturating_sub(begun.elapsed()).min(Duration::from_millis(1)));
        }
        let mut datagram = [0_u8; 64];
        datagram[..8].copy_from_slice(&number.to_be_bytes());
        datagram[8..16].copy_from_slice(&now_us().to_be_bytes());
        match socket.send(&datagram) {
            Ok(_) => sent += 1,
            Err(_) => refused += 1,
        }
    }
    (sent, refused)
}

/// A word that a forked child shares with its parent.
pub struct Flag(*mut u8);

impl Flag {
    pub fn new() -> Self {
        // SAFETY: a fresh anonymous page, shared with children that are forked later.
        let page = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                4096,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(page, libc::MAP_FAILED);
        Self(page.cast())
    }

    pub fn set(&self) {
        // SAFETY: the page is mapped as long as `self` lives.
        unsafe { self.0.write_volatile(1) };
    }

    pub fn is_set(&self) -> bool {
        // SAFETY: as above.
        unsafe { self.0.read_volatile() != 0 }
    }
}

impl Drop for Flag {
    fn drop(&mut self) {
        // SAFETY: mapped by us, and by nobody else in this process.
        unsafe { libc::munmap(self.0.cast(), 4096) };
    }
}

/// A process that receives numbered datagrams until it is told that no more will come.
pub struct Receiver {
    child: Child,
    done: Flag,
}

/// A datagram that came.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub number: u64,
    /// Microseconds since it was sent; 0 if its sender did not stamp it.
    pub delay: u64,
}

/// What it got.
pub struct Received {
    /// The numbers.
    pub seen: HashSet<u64>,
    /// What came, in the order in which it came; what came twice is in it twice.
    pub arrivals: Vec<Arrival>,
    /// Datagrams that its socket had no room for: what is lost there would be taken for injected.
    pub no_room: u64,
}

impl Received {
    /// Which of the first `n` did not come, for messages.
    pub fn missing(&self, n: u64) -> String {
        let missing: Vec<u64> = (0..n).filter(|number| !self.seen.contains(number)).collect();
        let some: Vec<u64> = missing.iter().copied().take(20).collect();
        format!("{} of {n} are missing: {some:?}, no room for {}", missing.len(), self.no_room)
    }

    pub fn count(&self) -> u64 {
        self.seen.len() as u64
    }
}

impl Receiver {
    /// Listens already when it returns.
    pub fn start(cgroup: Option<&Cgroup>, ns: &Netns, ip: &'static str, port: u16) -> Self {
        let (done, bound) = (Flag::new(), Flag::new());
        let child = fork(cgroup, ns, || {
            let socket = udp_server(ip, port);
            bound.set();
            socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            let (mut seen, mut buffer) = (String::new(), [0_u8; 2048]);
            loop {
                let came = socket.recv(&mut buffer);
                let word = |at: usize| u64::from_be_bytes(buffer[at..at + 8].try_into().unwrap());
                match came {
                    Ok(16..) => _ = write!(seen, " {} {}", word(0), now_us().saturating_sub(word(8))),
                    Ok(8..) => _ = write!(seen, " {} 0", word(0)),
                    Ok(_) => {}
                    Err(_) if done.is_set() => return format!("{}{seen}", udp_receive_errors()),
                    Err(_) => {}
                }
            }
        });
        let begun = Instant::now();
        while !bound.is_set() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the receiver does not listen");
            std::thread::sleep(Duration::from_millis(1));
        }
        Self { child, done }
    }

    /// After the senders have ended: no more will come. Several can be told before each is waited for.
    pub fn close(&self) {
        self.done.set();
    }

    /// After the senders have ended: takes what is still on its way.
    #[track_caller]
    pub fn finish(self) -> Received {
        self.done.set();
        let text = self.child.join();
        let words: Vec<u64> = text.split(' ').map(|word| word.parse().unwrap()).collect();
        let (no_room, pairs) = words.split_first().unwrap();
        let arrivals: Vec<Arrival> =
            pairs.chunks_exact(2).map(|pair| Arrival { number: pair[0], delay: pair[1] }).collect();
        Received { no_room: *no_room, seen: arrivals.iter().map(|one| one.number).collect(), arrivals }
    }
}

/// A UDP socket with room for bursts: what is lost here would be taken for injected.
fn udp_server(ip: &str, port: u16) -> UdpSocket {
    let socket = UdpSocket::bind(address(ip, port)).unwrap();
    let room: libc::c_int = 32 << 20;
    // SAFETY: a valid descriptor and a plain integer.
    let ret = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            (&raw const room).cast(),
            size_of::<libc::c_int>() as u32,
        )
    };
    assert_eq!(ret, 0, "SO_RCVBUFFORCE: {}", std::io::Error::last_os_error());
    socket
}

/// Datagrams that the sockets of this namespace had no room for.
fn udp_receive_errors() -> u64 {
    let text = std::fs::read_to_string("/proc/net/snmp").unwrap();
    let mut lines = text.lines().filter(|line| line.starts_with("Udp:"));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let column = names.split(' ').position(|name| name == "RcvbufErrors").unwrap();
    values.split(' ').nth(column).unwrap().parse().unwrap()
}

/// What TCP says of a socket.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpInfo {
    pub total_retrans: u64,
    pub data_segs_out: u64,
    pub bytes_acked: u64,
}

pub fn tcp_info(stream: &TcpStream) -> TcpInfo {
    // struct tcp_info (include/uapi/linux/tcp.h): total_retrans at 100, bytes_acked at 120, data_segs_out at 156.
    let mut raw = [0_u8; 256];
    let mut len = raw.len() as libc::socklen_t;
    // SAFETY: the buffer is as long as `len` says.
    let ret = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            raw.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    assert_eq!(ret, 0);
    let u32_at = |at: usize| u64::from(u32::from_ne_bytes(raw[at..at + 4].try_into().unwrap()));
    TcpInfo {
        total_retrans: u32_at(100),
        data_segs_out: u32_at(156),
        bytes_acked: u64::from_ne_bytes(raw[120..128].try_into().unwrap()),
    }
}

/// Takes connections and throws away what comes; each in a thread; ends with the process.
pub fn tcp_sink(ip: &str, port: u16) -> ! {
    let listener = TcpListener::bind(address(ip, port)).unwrap();
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while matches!(stream.read(&mut buffer), Ok(n) if n > 0) {}
        });
    }
}

/// Takes connections and sends back what comes.
pub fn tcp_echo(ip: &str, port: u16) -> ! {
    let listener = TcpListener::bind(address(ip, port)).unwrap();
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                if stream.write_all(&buffer[..n]).is_err() {
                    break;
                }
            }
        });
    }
}

/// Connects, trying again while nobody listens yet.
pub fn connect(ip: &str, port: u16) -> TcpStream {
    let begun = Instant::now();
    loop {
        match TcpStream::connect_timeout(&address(ip, port), Duration::from_secs(5)) {
            Ok(stream) => {
                stream.set_nodelay(true).unwrap();
                return stream;
            }
            Err(error) => {
                assert!(begun.elapsed() < Duration::from_secs(20), "connecting to {ip}:{port}: {error}");
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends for so long; returns what TCP says at the end.
pub fn bulk(ip: &str, port: u16, span: Duration) -> TcpInfo {
    let mut stream = connect(ip, port);
    let buffer = vec![0; 1 << 16];
    let begun = Instant::now();
    while begun.elapsed() < span {
        stream.write_all(&buffer).unwrap();
    }
    tcp_info(&stream)
}

/// Round trips of one byte each over one connection, in microseconds.
pub fn ping_pong(ip: &str, port: u16, n: usize) -> Vec<u64> {
    ping_pong_on(&mut connect(ip, port), n)
}

/// [`ping_pong`] on a connection that stays.
pub fn ping_pong_on(stream: &mut TcpStream, n: usize) -> Vec<u64> {
    let mut byte = [7_u8];
    (0..n)
        .map(|_| {
            let begun = Instant::now();
            stream.write_all(&byte).unwrap();
            stream.read_exact(&mut byte).unwrap();
            u64::try_from(begun.elapsed().as_micros()).unwrap()
        })
        .collect()
}

pub fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}
