//! How much and how often: rates, sizes, bursts, distributions.

use super::{says, shows};
use crate::spec::*;

#[test]
fn rates() {
    const FORM: &str = "is not a rate (write a whole number with a unit: 512kbit, 10mbit, 1gbit)";
    for text in ["", "mbit", "-1mbit", "1.5mbit", "10 mbit", "10mb", "10mbit/s", "0x5mbit"] {
        says::<Bandwidth>(text, &format!("`{text}` {FORM}"));
    }
    says::<Bandwidth>("10", "`10` has no unit (write 10kbit, 10mbit or 10gbit)");
    says::<Bandwidth>("0", "`0` has no unit (write 0kbit, 0mbit or 0gbit)");
    says::<Bandwidth>("0mbit", "a rate of 0 lets nothing through (that is a partition)");
    says::<Bandwidth>(
        "10mbps",
        "`10mbps` is bytes a second for tc and bits for others (write bits: 512kbit, 10mbit, 1gbit)",
    );
    for text in ["7999bit", "101gbit", "99999999999999999999gbit"] {
        says::<Bandwidth>(text, &format!("a rate of {text} is out of range (it is 8kbit to 100gbit)"));
    }
    assert_eq!(shows::<Bandwidth>("8000bit", "8kbit").bytes_per_second(), 1_000);
    assert_eq!(shows::<Bandwidth>(" 10Mbit ", "10mbit").bits(), 10_000_000);
    shows::<Bandwidth>("1500kbit", "1500kbit");
    shows::<Bandwidth>("8001bit", "8001bit");
    shows::<Bandwidth>("100gbit", "100gbit");
}

#[test]
fn sizes() {
    const FORM: &str = "is not a number of bytes (write a whole number with a unit: 1500B, 64KiB, 1MiB)";
    for text in ["", "KiB", "-1B", "1.5KiB", "64kB", "64K", "1 MiB"] {
        says::<Bytes>(text, &format!("`{text}` {FORM}"));
    }
    says::<Bytes>("1500", "`1500` has no unit (write 1500B, 1500KiB or 1500MiB)");
    for text in ["0B", "2GiB", "99999999999999999999B"] {
        says::<Bytes>(text, &format!("{text} is out of range (it is 1B to 1GiB)"));
    }
    assert_eq!(shows::<Bytes>("64kib", "64KiB").get(), 65_536);
    shows::<Bytes>("1500B", "1500B");
    shows::<Bytes>("1024B", "1KiB");
}

#[test]
fn counts() {
    for text in ["", "-1", "1.5", "+1", "ten"] {
        says::<Count>(text, &format!("`{text}` is not a count (write a whole number of 1 or more)"));
    }
    says::<Count>("0", "`0` would never act (write a whole number of 1 or more)");
    says::<Count>("4294967296", "`4294967296` is too much (write a whole number of 1 or more)");
    assert_eq!(shows::<Count>(" 010 ", "10").get(), 10);
}

#[test]
fn bursts() {
    const FORM: &str = "is not a burst model (write P,R[,BAD[,GOOD]] in percents, such as 1%,30%: into a burst, out \
                        of it, taken within, taken outside)";
    for text in ["", "1%", "1,2,3,4,5"] {
        says::<Gilbert>(text, &format!("`{text}` {FORM}"));
    }
    const RANGE: &str = "(a percent is between 0.0001 and 100)";
    says::<Gilbert>("0,30", &format!("into a burst: 0 % would never act {RANGE}"));
    says::<Gilbert>("1,0", &format!("out of a burst: 0 % would never act {RANGE}"));
    says::<Gilbert>("1,30,0", &format!("taken within a burst: 0 % would never act {RANGE}"));
    says::<Gilbert>("1,30,50,150", &format!("taken outside a burst: 150 % is more than all {RANGE}"));
    assert_eq!(shows::<Gilbert>("1, 30, 100, 0%", "1%,30%").loss_good, None);
    assert_eq!(shows::<Gilbert>("1%,30%,50", "1%,30%,50%").loss_bad, Percent::whole(50));
    assert_eq!(shows::<Gilbert>("1,30,100,0.5", "1%,30%,100%,0.5%").loss_good, "0.5".parse().ok());
}

#[test]
fn distributions() {
    says::<Distribution>(
        "gauss",
        "`gauss` is not a distribution (write uniform, normal, pareto or paretonormal, or give measured latencies)",
    );
    shows::<Distribution>("paretonormal", "paretonormal");
    let list = r#"["1ms","1ms","1ms","1ms","1ms","3ms","3ms","3ms","3ms","3ms"]"#;
    let read = |json: &str| serde_json::from_str::<Distribution>(json);
    let table = read(list).unwrap();
    assert_eq!(read(&format!(r#"{{"measured":{list}}}"#)).unwrap(), table);
    assert_eq!(serde_json::to_string(&table).unwrap(), format!(r#"{{"measured":{list}}}"#));
    assert_eq!(read(r#""normal""#).unwrap(), Distribution::Normal);
    for (json, message) in [
        (r#"{"measured":[]}"#, "0 measured latencies (give 10 to 10000: fewer have no shape)"),
        (r#"{"measured":["1"]}"#, "`1` has no unit"),
        (r#"{"seen":[]}"#, "unknown field `seen`, expected `measured`"),
        ("{}", "missing field `measured`"),
        ("5", "invalid type: integer `5`, expected a distribution such as"),
        (r#""gauss""#, "`gauss` is not a distribution"),
    ] {
        let error = read(json).unwrap_err().to_string();
        assert!(error.starts_with(message), "{json}: {error}");
    }
}
