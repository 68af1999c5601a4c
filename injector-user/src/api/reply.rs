//! What goes back: a document, or an error as a document.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Serialize;

use super::types::Doc;
use crate::error::Error;

/// `injector.NAME/1` around `body`.
pub(crate) fn doc<T>(name: &str, node: &str, body: T) -> Doc<T> {
    Doc { schema: format!("injector.{name}/1"), node: node.to_owned(), body }
}

/// One line of JSON. A document that can't be written is an error document.
pub(super) fn line<T: Serialize>(document: &T, node: &str) -> Bytes {
    let mut text = serde_json::to_vec(document).unwrap_or_else(|error| {
        Error::failed(format!("the answer can't be written: {error}")).document(node).to_string().into_bytes()
    });
    text.push(b'\n');
    text.into()
}

/// An error on its way to the client.
pub(super) struct Refusal {
    node: String,
    status: StatusCode,
    error: Box<Error>,
}

impl Refusal {
    /// With the status of the error's kind.
    pub(super) fn new(node: &str, error: Error) -> Self {
        let status =
            StatusCode::from_u16(error.kind.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::with_status(node, status, error)
    }

    /// With a status that says more than the kind.
    pub(super) fn with_status(node: &str, status: StatusCode, error: Error) -> Self {
        Self { node: node.to_owned(), status, error: error.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let document = self.error.document(&self.node);
        json(self.status, line(&document, &self.node).into())
    }
}

/// A response of JSON.
pub(super) fn json(status: StatusCode, body: Body) -> Response {
    typed(status, "application/json", body)
}

/// A response of JSON lines.
pub(super) fn ndjson(body: Body) -> Response {
    typed(StatusCode::OK, "application/x-ndjson", body)
}

fn typed(status: StatusCode, content: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content));
    response
}
