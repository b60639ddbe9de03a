//! The `esm` binary: see `esm --help`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    esm::cli::main()
}
