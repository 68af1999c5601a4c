//! What is fuzzed: each function takes any bytes, gives whether they were accepted, and panics if a promise is broken.

use std::{
    fmt::{Debug, Display},
    str::FromStr,
};

use injector::{
    api::MOST_BODY,
    error::Kind,
    limits::Limits,
    session::journal::read as records,
    spec::{
        Bandwidth, Bytes, Count, Direction, Distribution, DnsPattern, Errno, FaultName, FaultSpec, Gilbert,
        HostName, InterfaceName, PathPattern, Peer, Percent, Ports, Ramp, Span, SyscallName, TargetSpec,
        Words,
    },
};

/// A word of the command line. What is accepted shows itself as text that means the same.
pub fn spec(data: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(data) else { return false };
    // Nearly every text is words of a ticket, a name or a pattern of names: that says nothing.
    means_the_same::<Words>(text);
    means_the_same::<HostName>(text);
    means_the_same::<DnsPattern>(text);
    means_the_same::<InterfaceName>(text);
    [
        means_the_same::<TargetSpec>(text),
        means_the_same::<Span>(text),
        means_the_same::<Percent>(text),
        means_the_same::<Peer>(text),
        means_the_same::<Direction>(text),
        means_the_same::<Ports>(text),
        means_the_same::<Count>(text),
        means_the_same::<Gilbert>(text),
        means_the_same::<Bandwidth>(text),
        means_the_same::<Bytes>(text),
        means_the_same::<Distribution>(text),
        means_the_same::<Errno>(text),
        means_the_same::<FaultName>(text),
        means_the_same::<PathPattern>(text),
        means_the_same::<Ramp>(text),
        means_the_same::<SyscallName>(text),
    ]
    .contains(&true)
}

fn means_the_same<T>(text: &str) -> bool
where
    T: FromStr<Err = injector::error::Error> + Display + PartialEq + Debug,
{
    match text.parse::<T>() {
        Ok(value) => {
            let shown = value.to_string();
            assert_eq!(shown.parse::<T>().as_ref(), Ok(&value), "{text:?} shows as {shown:?}");
            true
        }
        Err(error) => {
            assert_eq!(error.kind, Kind::Usage, "{error}");
            assert!(error.hint.is_some(), "an error without a hint: {error}");
            false
        }
    }
}

/// A body of the API. What is accepted is written and read again as the same fault.
pub fn api_body(data: &[u8]) -> bool {
    if data.len() > MOST_BODY {
        return false;
    }
    match FaultSpec::from_json(data) {
        Ok(spec) => {
            let text = serde_json::to_vec(&spec).expect("a fault can be written");
            assert_eq!(FaultSpec::from_json(&text).as_ref(), Ok(&spec));
            true
        }
        Err(error) => {
            assert_eq!(error.kind, Kind::Usage, "{error}");
            assert!(error.document("node")["message"].is_string());
            false
        }
    }
}

/// A limits file. What is accepted is valid.
pub fn limits(data: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(data) else { return false };
    serde_saphyr::from_str::<Limits>(text).is_ok_and(|limits| limits.validate().is_ok())
}

/// A journal's text: it is read when a daemon starts, so nothing in it may stop one.
pub fn journal(data: &[u8]) -> bool {
    !records::parse(data).entries.is_empty()
}
