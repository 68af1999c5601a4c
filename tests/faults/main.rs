//! What the target felt, and that the control beside it felt nothing: real programs, real packets, real
//! daemon. The same tests run on this machine (`native_faults`) and on every kernel of the matrix
//! (`vm_faults`); what a kernel cannot do is skipped there, with its reason, and runs elsewhere.
//!
//! Everything happens in network namespaces and cgroups that a test made. Tests run one at a time
//! (`--test-threads=1`): they fork, and they halt the node.

mod support;

mod budget;
mod delay;
mod disk;
mod drift;
mod forced;
mod gone;
mod halt;
mod judge;
mod kills;
mod life;
mod loss;
mod observe;
mod open;
mod protect;
mod roles;
mod shadow;
