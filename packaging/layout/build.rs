//! Hands the linker the layout of the code (`idle.ld`) for the binary that is installed.

fn main() {
    let layout = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/layout/idle.ld");
    println!("cargo:rerun-if-changed={layout}");
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo:rustc-link-arg-bins=-Wl,-T,{layout}");
    }
}
