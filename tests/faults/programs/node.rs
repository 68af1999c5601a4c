//! A Node program whose connections are refused.

use super::client::is_refused_and_comes_back;
use crate::support::THERE;

const CLIENT: &str = "
const net = require('net');
const [host, port] = process.argv.slice(1);
function again() { setTimeout(connect, 200); }
function connect() {
    const socket = net.connect({ host, port: Number(port) });
    socket.on('connect', () => { console.log('connected'); socket.destroy(); again(); });
    socket.on('error', error => { console.log('refused:', error.code, error.errno, error.syscall); again(); });
}
connect();
";

/// nodejs.org/api/errors.html, "Common system errors": a system error has `code`, `errno` (negative) and `syscall`;
/// ECONNREFUSED is "Connection refused". It comes as the socket's event 'error'.
#[test]
fn node_emits_econnrefused() {
    let words = ["/usr/bin/node", "-e", CLIENT, THERE, "9000"];
    is_refused_and_comes_back("node_emits_econnrefused", &words, "refused: ECONNREFUSED -111 connect");
}
