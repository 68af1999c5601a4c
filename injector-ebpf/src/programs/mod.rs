//! One file per hook family; `gate` and `packet` are what they share.

mod atomic;
mod beat;
mod delay;
mod drop;
mod flows;
mod gate;
mod kernel;
mod maps;
mod meter;
mod observe;
mod open;
mod packet;
mod probe;
mod tcp;
