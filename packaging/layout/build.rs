//! Hands the linker the layout of the code (`idle.ld`) for the binary that is installed, and has it keep the list of
//! addresses that depend on where the binary is loaded short, where the C library of this machine reads such a list.

use std::process::Command;

/// The first glibc that reads short lists (DT_RELR).
const SHORT_LISTS: (u32, u32) = (2, 36);

fn main() {
    let layout = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/layout/idle.ld");
    println!("cargo:rerun-if-changed={layout}");
    if variable("PROFILE") != "release" {
        return;
    }
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{layout}");
    let is_for_here = variable("HOST") == variable("TARGET");
    if is_for_here && glibc().is_some_and(|version| version >= SHORT_LISTS) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// The version of this machine's glibc, if it has one: the last word of what `ldd` says first.
fn glibc() -> Option<(u32, u32)> {
    let told = Command::new("ldd").arg("--version").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = told.lines().next()?.split_whitespace().last()?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
