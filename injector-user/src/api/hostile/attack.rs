//! One hostile client, in fourteen ways.

use std::path::Path;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::{LONG, connect};
use crate::api::tests::DROP;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..self.below(n) + 1).map(|_| self.below(256) as u8).collect()
    }
}

/// `n` hostile requests, 16 at a time.
pub(super) async fn attack(socket: &Path, n: u64, seed: u64) {
    const LANES: u64 = 16;
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let socket = socket.to_owned();
            tokio::spawn(async move {
                let mut dice = Dice(0x9E37_79B9_7F4A_7C15 ^ (seed * LANES + lane + 1));
                for _ in 0..n.div_ceil(LANES) {
                    // A server that refuses or hangs up has done its part.
                    _ = timeout(LONG, one(&socket, &mut dice)).await.expect("no request hangs");
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.unwrap();
    }
}

async fn one(socket: &Path, dice: &mut Dice) -> std::io::Result<()> {
    let mut stream = connect(socket).await?;
    let head =
        |what: &str, length: usize| format!("{what} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    let good = [head("POST /v1/faults", DROP.len()).as_bytes(), DROP.as_bytes()].concat();
    match dice.below(14) {
        0 => stream.write_all(&dice.bytes(2_000)).await?,
        1 => {
            let mut bytes = good.clone();
            for _ in 0..=dice.below(4) {
                let at = dice.below(bytes.len());
                bytes[at] = dice.below(256) as u8;
            }
            stream.write_all(&bytes).await?;
        }
        2 => {
            stream.write_all(head("POST /v1/faults", 10_000_000).as_bytes()).await?;
            stream.write_all(&vec![b' '; 200_000]).await?;
        }
        3 => {
            let name = "y".repeat(dice.below(100_000));
            stream.write_all(format!("GET /v1/status HTTP/1.1\r\nx: {name}\r\n\r\n").as_bytes()).await?;
        }
        4 => {
            let headers = "x: y\r\n".repeat(dice.below(2_000));
            stream.write_all(format!("GET /v1/status HTTP/1.1\r\n{headers}\r\n").as_bytes()).await?;
        }
        5 => {
            // Half-closed: all is asked, and nothing more comes.
            stream.write_all(&good).await?;
            stream.shutdown().await?;
        }
        6 => {
            stream.write_all(&good[..dice.below(good.len())]).await?;
            stream.shutdown().await?;
        }
        7 => {
            let row = "GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n".repeat(dice.below(50));
            stream.write_all(row.as_bytes()).await?;
            return stream.read_exact(&mut [0; 100]).await.map(|_| ());
        }
        8 => return Ok(()),
        9 => {
            let chunks = b"POST /v1/plan HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(&[&chunks[..], b"ffffffffffffffff1\r\n", &dice.bytes(300)].concat()).await?;
        }
        10 => {
            let both = "POST /v1/plan HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(format!("{both}0\r\n\r\nGET / HTTP/1.1\r\n\r\n").as_bytes()).await?;
        }
        11 => {
            let path = "/%2e%2e%00%ff".repeat(dice.below(500));
            stream.write_all(head(&format!("DELETE /v1/faults{path}"), 0).as_bytes()).await?;
        }
        12 => {
            // An attached fault whose client goes as soon as it is there.
            stream.write_all(head("POST /v1/faults?attach=true", DROP.len()).as_bytes()).await?;
            stream.write_all(DROP.as_bytes()).await?;
            return stream.read_exact(&mut [0; 100]).await.map(|_| ());
        }
        _ => {
            // A byte at a time.
            for byte in &good[..dice.below(30)] {
                stream.write_all(&[*byte]).await?;
                tokio::task::yield_now().await;
            }
            return Ok(());
        }
    }
    // Some wait for the answer, some do not.
    if dice.below(2) == 0 {
        stream.shutdown().await?;
        stream.read_to_end(&mut Vec::new()).await?;
    }
    Ok(())
}
