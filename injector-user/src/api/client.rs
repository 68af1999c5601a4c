//! The CLI's side of the API.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, client::conn::http1::handshake};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{
    net::UnixStream,
    time::{Instant, timeout_at},
};

use super::GROUP;
use crate::{error::Error, spec::FaultSpec};

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long a stop may take: it answers when the packets that it held are delivered.
pub const DRAIN: Duration = Duration::from_secs(30);

/// The largest answer, and the longest line of a stream, that is read.
const MOST: usize = 64 * 1024 * 1024;

/// A daemon's socket. Every request is a connection of its own.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    patience: Duration,
}

impl Client {
    /// A client of the daemon behind `socket`; nothing is sent yet.
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned(), patience: PATIENCE }
    }

    /// With another limit for connection and answer together.
    pub fn patience(&self, patience: Duration) -> Self {
        Self { patience, ..self.clone() }
    }

    /// GET.
    ///
    /// # Errors
    /// What the daemon says; [`Kind::Unreachable`](crate::error::Kind) if it says nothing.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// POST of a fault.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str, spec: &FaultSpec) -> Result<T, Error> {
        self.ask(Method::POST, path, written(spec)?).await
    }

    /// POST without a body.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub async fn order<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.ask(Method::POST, path, Bytes::new()).await
    }

    /// PUT.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Error> {
        self.ask(Method::PUT, path, body.to_string().into()).await
    }

    /// DELETE.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.ask(Method::DELETE, path, Bytes::new()).await
    }

    /// GET of a stream.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub async fn lines(&self, path: &str) -> Result<Lines, Error> {
        self.stream(Method::GET, path, Bytes::new()).await
    }

    /// Arms a fault that ends when the returned stream is dropped.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub async fn attach(&self, spec: &FaultSpec) -> Result<Lines, Error> {
        self.stream(Method::POST, "/v1/faults?attach=true", written(spec)?).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> Result<T, Error> {
        let deadline = Instant::now() + self.patience;
        let response = self.send(method, path, body, deadline).await?;
        let bytes = timeout_at(deadline, whole(response)).await.map_err(|_| self.silent())??;
        serde_json::from_slice(&bytes).map_err(|error| {
            Error::failed(format!("the daemon's answer can't be read: {error}"))
                .hint("are the daemon and this command of one version?")
        })
    }

    async fn stream(&self, method: Method, path: &str, body: Bytes) -> Result<Lines, Error> {
        let deadline = Instant::now() + self.patience;
        let response = self.send(method, path, body, deadline).await?;
        Ok(Lines { body: response.into_body(), held: BytesMut::new() })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        deadline: Instant,
    ) -> Result<Response<Incoming>, Error> {
        let response = timeout_at(deadline, self.exchange(method, path, body)).await;
        let response = response.map_err(|_| self.silent())??;
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        let bytes = timeout_at(deadline, whole(response)).await.map_err(|_| self.silent())??;
        Err(serde_json::from_slice::<Error>(&bytes)
            .unwrap_or_else(|_| Error::failed(format!("the daemon answered with status {status}"))))
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, Error> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.closed(&error))?;
        let lost = |error: hyper::Error| {
            Error::unreachable(format!("the daemon hung up: {error}")).hint("its log says why")
        };
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(lost)?;
        // It ends with the response's body: dropping that closes the connection.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "injector")
            .header("content-type", "application/json")
            .body(Full::new(body))
            .map_err(|error| Error::failed(format!("the request can't be written: {error}")))?;
        sender.send_request(request).await.map_err(lost)
    }

    fn closed(&self, error: &std::io::Error) -> Error {
        let shown = self.socket.display();
        match error.kind() {
            ErrorKind::PermissionDenied => Error::refused(format!("you may not use the socket {shown}"))
                .hint(format!("be root or a member of the group {GROUP}")),
            _ => Error::unreachable(format!("no daemon answers on {shown}: {error}"))
                .hint("is the daemon running? sudo injector daemon"),
        }
    }

    fn silent(&self) -> Error {
        let (shown, patience) = (self.socket.display(), self.patience.as_millis());
        Error::unreachable(format!("the daemon behind {shown} did not answer within {patience} ms"))
            .hint("does it hang? sudo injector halt stops everything without it")
    }
}

fn written(spec: &FaultSpec) -> Result<Bytes, Error> {
    let text = serde_json::to_vec(spec);
    text.map(Bytes::from).map_err(|error| Error::failed(format!("the request can't be written: {error}")))
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, Error> {
    let body = Limited::new(response.into_body(), MOST).collect().await;
    let body = body.map_err(|error| Error::unreachable(format!("the daemon's answer broke off: {error}")));
    Ok(body?.to_bytes())
}

/// A part of a path, percent-encoded.
pub fn encoded(part: &str) -> String {
    part.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The lines of a stream. Dropping it hangs up.
#[derive(Debug)]
pub struct Lines {
    body: Incoming,
    held: BytesMut,
}

impl Lines {
    /// The next document's text; `None` at the end. An error document is an error.
    ///
    /// # Errors
    /// The connection broke, or the daemon sent an error.
    pub async fn next(&mut self) -> Result<Option<String>, Error> {
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                let line = self.held.split_to(end + 1);
                return document(&line).map(Some);
            }
            if self.held.len() > MOST {
                return Err(Error::failed("the daemon sent a line that never ends"));
            }
            match self.body.frame().await {
                None if self.held.is_empty() => return Ok(None),
                None => return Err(Error::unreachable("the daemon hung up in the middle of a line")),
                Some(Err(error)) => return Err(Error::unreachable(format!("the daemon hung up: {error}"))),
                Some(Ok(frame)) => self.held.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            }
        }
    }
}

/// The line's text, unless it is an error document.
fn document(line: &[u8]) -> Result<String, Error> {
    #[derive(serde::Deserialize)]
    struct Head {
        schema: String,
    }
    let unreadable = |error| Error::failed(format!("the daemon's line can't be read: {error}"));
    let head: Head = serde_json::from_slice(line).map_err(unreadable)?;
    if head.schema == crate::error::SCHEMA {
        return Err(serde_json::from_slice(line).unwrap_or_else(unreadable));
    }
    Ok(String::from_utf8_lossy(line).trim_end().to_owned())
}
