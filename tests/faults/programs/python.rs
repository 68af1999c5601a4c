//! A Python program whose connections are refused.

use super::client::is_refused_and_comes_back;
use crate::support::THERE;

const CLIENT: &str = "
import socket, sys, time
while True:
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2]))).close()
        print('connected', flush=True)
    except OSError as error:
        print('refused:', type(error).__name__, error.errno, flush=True)
    time.sleep(0.2)
";

/// docs.python.org/3/library/exceptions.html: ConnectionRefusedError is "raised when a connection attempt is refused by the
/// peer. Corresponds to errno ECONNREFUSED."
#[test]
fn python_raises_connection_refused_error() {
    let words = ["/usr/bin/python3.11", "-I", "-S", "-c", CLIENT, THERE, "9000"];
    is_refused_and_comes_back(
        "python_raises_connection_refused_error",
        &words,
        "refused: ConnectionRefusedError 111",
    );
}
