//! The names by which what we leave in the kernel is known to be ours, and whose.

/// Every tag begins so.
pub const PREFIX: &str = "injector:";
/// Beginning of our devices' names: they can't hold a whole tag, IFNAMSIZ allows 15 characters.
const DEVICE: &str = "inj";
const INSTANCE: usize = 8;

/// The full tag `injector:<instance>:<what>` of an alias or a filter name. `instance` is 8 hex digits.
pub fn tag(instance: &str, what: &str) -> String {
    format!("{PREFIX}{instance}:{what}")
}

/// The instance that `text` is tagged with: from `injector:<instance>` or `injector:<instance>:<what>`.
pub fn instance_of(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(PREFIX)?;
    let instance = rest.split(':').next()?;
    is_instance(instance).then_some(instance)
}

/// A device name that carries the instance: `inj<instance><number in hex>`, at most 15 characters.
///
/// The kernel ignores an alias in the request that creates a link (measured on 6.1, 6.12 and 6.18), so for a moment only
/// the name says whose the link is: a process killed in that moment must still be swept up after.
pub fn device_name(instance: &str, number: u16) -> String {
    format!("{DEVICE}{instance}{number:x}")
}

/// The instance in a name that [`device_name`] made.
pub fn instance_of_device(name: &str) -> Option<&str> {
    let rest = name.strip_prefix(DEVICE)?;
    let (instance, number) = rest.split_at_checked(INSTANCE)?;
    let numbered = (1..=4).contains(&number.len()) && is_hex(number);
    (is_instance(instance) && numbered).then_some(instance)
}

fn is_instance(text: &str) -> bool {
    text.len() == INSTANCE && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn tags_go_there_and_back() {
        assert_eq!(instance_of(&tag("0a1b2c3d", "delay0")), Some("0a1b2c3d"));
        assert_eq!(instance_of("injector:0a1b2c3d"), Some("0a1b2c3d"));
        for foreign in
            ["", "injector:", "injector:0a1b2c3", "injector:0A1B2C3D:x", "other:0a1b2c3d", "uplink"]
        {
            assert_eq!(instance_of(foreign), None, "{foreign}");
        }
        let name = device_name("0a1b2c3d", u16::MAX);
        assert_eq!((name.as_str(), instance_of_device(&name)), ("inj0a1b2c3dffff", Some("0a1b2c3d")));
        for foreign in ["inj", "inject0", "inj0a1b2c3d", "inj0a1b2c3dxy", "eth0", "inj0a1b2é3d0"] {
            assert_eq!(instance_of_device(foreign), None, "{foreign}");
        }
    }
}
