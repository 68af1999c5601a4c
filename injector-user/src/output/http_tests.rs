use std::sync::mpsc;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
};

use super::*;
use crate::{
    api::types::{FlowsDoc, LostDoc, StatusDoc},
    output::samples::{dependency, fault},
    session::{Command, Request},
};

/// An engine that answers, and returns how often it was asked for its status.
fn engine(requests: mpsc::Receiver<Request>) -> usize {
    let mut asked = 0;
    for request in requests {
        match request.command {
            Command::Status(reply) => {
                asked += 1;
                let _ = reply.send(Ok(StatusDoc {
                    halted: None,
                    disarmed: None,
                    mode: "armed".to_owned(),
                    limits_sha256: "00ff".to_owned(),
                    pending: vec![],
                    kernel: "6.18".to_owned(),
                    instance: "1".to_owned(),
                    pid: 1,
                    faults: vec![fault("drop-1")],
                    attached: vec![],
                    lost: LostDoc::default(),
                    own: Default::default(),
                    saturated: vec![],
                }));
            }
            Command::Flows(targets, reply) => {
                assert!(targets.is_empty());
                let dependencies = vec![dependency("10.0.0.5:5432", 7)];
                let _ = reply.send(Ok(FlowsDoc { dependencies, ..Default::default() }));
            }
            other => panic!("{other:?}"),
        }
    }
    asked
}

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_scrape_gets_the_page_and_a_flood_of_them_one_look() {
    let (sender, receiver) = mpsc::channel();
    let engine = std::thread::spawn(|| engine(receiver));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, Handle::new(sender), async {
        let _ = stopped.await;
    }));
    let page = get(address, "/metrics").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.to_lowercase().contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert!(page.contains(r#"injector_fault_armed{id="drop-1",kind="drop"} 1"#));
    assert!(page.contains(r#"injector_limits_info{mode="armed",sha256="00ff"} 1"#));
    assert!(page.contains(r#"service="10.0.0.5:5432""#));
    for _ in 0..20 {
        get(address, "/metrics").await;
    }
    assert!(get(address, "/").await.starts_with("HTTP/1.1 404"));
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    assert!(engine.join().unwrap() <= 2, "21 scrapes at once ask the engine once, twice at most");
}

#[tokio::test]
async fn an_engine_that_is_gone_is_said_so() {
    let (sender, receiver) = mpsc::channel();
    drop(receiver);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, Handle::new(sender), std::future::pending()));
    let page = get(address, "/metrics").await;
    assert!(page.starts_with("HTTP/1.1 503") && page.contains("the daemon is ending"), "{page}");
    server.abort();
}
