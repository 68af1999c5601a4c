//! What every request goes through. A browser on this host reads whatever page of whatever site it is shown: none of
//! them may read this one, or show it in a frame.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
            X_FRAME_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};

/// No script at all, nothing from elsewhere, no frame, no form.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Refuses a `Host` that somebody else may have made mean this host, and sets the headers of every answer.
pub(super) async fn guard(State(node): State<Arc<str>>, request: Request, next: Next) -> Response {
    let mut response = match is_ours(request.headers(), &node) {
        true => next.run(request).await,
        false => {
            let said = "this page is read by an address, as localhost or by the node's own name\n";
            (StatusCode::MISDIRECTED_REQUEST, said).into_response()
        }
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// DNS rebinding needs a name of the attacker's: an address is none.
fn is_ours(headers: &HeaderMap, node: &str) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else {
        return false;
    };
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || name.eq_ignore_ascii_case(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_else_can_give_are_ours() {
        let ours = |hosts: &[&str]| {
            let mut headers = HeaderMap::new();
            hosts.iter().for_each(|host| _ = headers.append(HOST, HeaderValue::from_str(host).unwrap()));
            is_ours(&headers, "web-14")
        };
        for host in [
            "127.0.0.1:9843",
            "127.0.0.1",
            "[::1]:9843",
            "[::1]",
            "localhost:1",
            "LocalHost",
            "web-14:9843",
            "10.0.0.1:80",
        ] {
            assert!(ours(&[host]), "{host}");
        }
        for host in [
            "evil.example:9843",
            "127.0.0.1.evil.example",
            "localhost.evil.example:1",
            "",
            "web-14.evil.example",
            "[evil]:1",
        ] {
            assert!(!ours(&[host]), "{host}");
        }
        assert!(!ours(&[]) && !ours(&["localhost", "evil.example"]));
    }
}
