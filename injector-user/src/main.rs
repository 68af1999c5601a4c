//! The one binary: daemon, command line, and the watcher process that the daemon starts.

use std::process::ExitCode;

fn main() -> ExitCode {
    injector::cli::main()
}
