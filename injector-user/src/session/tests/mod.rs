//! The engine's logic against a kernel that only remembers.

mod abort;
mod approval;
mod arm;
mod bench;
mod budget;
mod clock;
mod disk;
mod drift;
mod gone;
mod life;
mod mode;
mod ramp;
mod record;
mod recovery;
mod reload;
mod roles;
mod slots;
