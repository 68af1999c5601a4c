//! Who may do what.

mod account;
mod identity;
mod rights;

use crate::error::Error;
use nix::unistd::{User, getgrouplist};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ffi::CString;

pub use account::Account;
pub use identity::Identity;
pub use rights::Right;

/// The `roles` section: who is in none of the lists has no right.
///
/// `admin` has every right; `inject` also plan, observe and halt; `plan` also observe; and everybody who may observe
/// may halt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Roles {
    /// See faults, flows and status, and halt.
    #[schemars(schema_with = "super::schema::accounts")]
    pub observe: Vec<Account>,
    /// Ask what a fault would do.
    #[schemars(schema_with = "super::schema::accounts")]
    pub plan: Vec<Account>,
    /// Arm and stop faults.
    #[schemars(schema_with = "super::schema::accounts")]
    pub inject: Vec<Account>,
    /// Stop everything, and nothing else.
    #[schemars(schema_with = "super::schema::accounts")]
    pub halt: Vec<Account>,
    /// Everything: also lift a halt, and load the limits again.
    #[schemars(schema_with = "super::schema::accounts")]
    pub admin: Vec<Account>,
}

impl Roles {
    /// Whether `who` has `right`.
    ///
    /// Root without a login uid (a service, a login at the console as root) has every right. Root with another
    /// person's login uid (sudo, su) has that person's rights: by that uid, and the groups that the system's group
    /// database has for it.
    ///
    /// # Errors
    /// Refused by limit `roles`: who asked for which right, and which role has it.
    pub fn allows(&self, who: &Identity, right: Right) -> Result<(), Error> {
        self.decide(who, right, groups_of)
    }

    fn decide(&self, who: &Identity, right: Right, groups_of: impl Fn(u32) -> Vec<u32>) -> Result<(), Error> {
        let person = who.person();
        let behind_root = who.uid == 0 && person != 0;
        if who.uid == 0 && !behind_root {
            return Ok(());
        }
        let groups = if behind_root { groups_of(person) } else { who.gids.clone() };
        let given = right.given_by();
        let has = |role: &Right| self.of(*role).iter().any(|account| account.means(person, &groups));
        if given.iter().any(has) { Ok(()) } else { Err(refused(who, right)) }
    }

    /// Without a `roles` section: root, sudo or not, has every right; everybody else who could connect all but
    /// `admin`.
    pub(super) fn without_section(who: &Identity, right: Right) -> Result<(), Error> {
        if who.uid == 0 || right != Right::Admin { Ok(()) } else { Err(refused(who, right)) }
    }

    fn of(&self, right: Right) -> &[Account] {
        match right {
            Right::Observe => &self.observe,
            Right::Plan => &self.plan,
            Right::Inject => &self.inject,
            Right::Halt => &self.halt,
            Right::Admin => &self.admin,
        }
    }
}

fn refused(who: &Identity, right: Right) -> Error {
    let login = who.login.map_or_else(|| "unset".to_owned(), |login| login.to_string());
    let asker = format!("uid {} (login uid {login})", who.uid);
    let roles: Vec<String> = right.given_by().iter().map(|role| format!("roles.{role}")).collect();
    let roles = roles.join(" or ");
    Error::refused(format!("{asker} has no right to {right}"))
        .hint(format!("the node's owner gives it in the limits file: {roles}"))
        .limit("roles", format!("{right} by {asker}"), roles)
}

/// The groups that the system's databases have for a user; none if it has no such user.
fn groups_of(uid: u32) -> Vec<u32> {
    let Ok(Some(user)) = User::from_uid(uid.into()) else { return Vec::new() };
    let Ok(name) = CString::new(user.name) else { return Vec::new() };
    getgrouplist(&name, user.gid).unwrap_or_default().into_iter().map(|gid| gid.as_raw()).collect()
}

#[cfg(test)]
mod tests;
