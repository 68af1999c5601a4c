//! What the target felt, and that the control beside it felt nothing: real programs, real packets, real
//! daemon. The same tests run on this machine (`native_faults`) and on every kernel of the matrix
//! (`vm_faults`); what a kernel cannot do is skipped there, with its reason, and runs elsewhere.
//!
//! Everything happens in network namespaces and cgroups that a test made. Tests run one at a time
//! (`--test-threads=1`): they fork, and they halt the node.

mod support;

mod budget;
mod bystander;
mod calls;
mod connections;
mod container;
mod delay;
mod deps;
mod disk;
mod drift;
mod events;
mod fault_table;
mod forced;
mod fragments;
mod gone;
mod halt;
mod incoming;
mod judge;
mod kills;
mod later;
mod life;
mod like_netem;
mod loss;
mod names;
mod nat;
mod neighbours;
mod observe;
mod open;
mod optmem;
mod owners;
mod profile;
mod programs;
mod protect;
mod protected_interface;
mod reactions;
mod roles;
mod saturation;
mod screens;
mod shadow;
mod sixteen;
mod steps;
mod waits;
mod windows;
