//! giroctl: what support and operations ask giro, over its REST API alone.

use std::process::ExitCode;

use worker::ctl;

fn main() -> ExitCode {
    ctl::main()
}
