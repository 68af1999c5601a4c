//! Failed calls, one by one: read from the kernel's ring, kept for a while, and told to whoever watches.

mod hub;
mod read;
mod words;

pub use hub::Hub;
pub use read::read;
