//! The engine's logic against a kernel that only remembers.

mod abort;
mod achieved;
mod approval;
mod arm;
mod bench;
mod beside;
mod budget;
mod clock;
mod devices;
mod disk;
mod drift;
mod flows;
mod follow;
mod gone;
mod life;
mod mode;
mod names;
mod nothing;
mod ramp;
mod reaction;
mod record;
mod recovery;
mod reload;
mod rewritten;
mod roles;
mod slots;
