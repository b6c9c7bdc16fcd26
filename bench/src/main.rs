//! `compare`: chenapan and other proxies, measured side by side in one run.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod compare;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    compare::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("compare: runs on Linux only: it measures with epoll and reads /proc");
    ExitCode::from(3)
}
