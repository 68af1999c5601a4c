//! The one binary: daemon and command line.

use std::process::ExitCode;

use injector::{cli, session::watcher};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    // Not a verb: the daemon starts its watcher this way.
    if args.get(1).is_some_and(|arg| arg == watcher::VERB) {
        return match watcher::run(&args[2..]) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("injector watcher: {error:#}");
                ExitCode::FAILURE
            }
        };
    }
    cli::main()
}
