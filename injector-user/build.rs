//! Builds the kernel programs with a toolchain that can (`-Z build-std=core` needs rust-src), or leaves an
//! empty object behind where there is none, so that clippy and the unit tests work without it.
//!
//! Not aya-build: it fixes the compiler's flags, and the programs need `target-cpu=v3` (32-bit registers and
//! atomics that return the old value, Linux 5.12).

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};

const TARGET: &str = "bpfel-unknown-none";
/// Binaries of injector-ebpf, and what they are called here.
const OBJECTS: [(&str, &str); 3] =
    [("injector-ebpf", "injector.o"), ("injector-reader", "reader.o"), ("injector-bench", "bench.o")];

/// A nightly that has rust-src, else the toolchain linked under the name `ebpf`, else none.
fn toolchain() -> Option<String> {
    if let Ok(name) = env::var("EBPF_TOOLCHAIN") {
        return Some(name);
    }
    let list = Command::new("rustup").args(["toolchain", "list"]).output().ok()?;
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let names = || list.lines().filter_map(|line| line.split_whitespace().next());
    let has_source = |name: &str| {
        Command::new("rustup").args(["run", name, "rustc", "--print", "sysroot"]).output().is_ok_and(|out| {
            let root = String::from_utf8_lossy(&out.stdout).trim().to_owned();
            Path::new(&root).join("lib/rustlib/src/rust/library/core").is_dir()
        })
    };
    names()
        .filter(|name| name.starts_with("nightly"))
        .chain(names().filter(|name| *name == "ebpf"))
        .find(|name| has_source(name))
        .map(str::to_owned)
}

fn build(toolchain: &str, out: &Path) -> anyhow::Result<()> {
    let arch = env::var("CARGO_CFG_TARGET_ARCH").context("cargo names no target architecture")?;
    let flags = [
        "-Ctarget-cpu=v3",
        "-Cdebuginfo=2",
        // The maps that live in sockets are declared by BTF.
        "-Clink-arg=--btf",
        &format!("--cfg=bpf_target_arch=\"{arch}\""),
    ]
    .join("\x1f");
    let target_dir = out.join("ebpf");
    let status = Command::new("rustup")
        .args(["run", toolchain, "cargo", "build", "--release", "--package", "injector-ebpf", "--bins"])
        .args(["--target", TARGET, "-Z", "build-std=core", "--target-dir"])
        .arg(&target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTC")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .stdout(Stdio::null())
        .status()
        .context("rustup cannot be run")?;
    ensure!(status.success(), "the kernel programs did not build with toolchain `{toolchain}`: {status}");
    for (binary, object) in OBJECTS {
        fs::copy(target_dir.join(TARGET).join("release").join(binary), out.join(object))?;
    }
    Ok(())
}

fn main() -> anyhow::Result<()> {
    println!("cargo::rerun-if-env-changed=EBPF_TOOLCHAIN");
    println!("cargo::rerun-if-env-changed=AYA_BUILD_SKIP");
    println!("cargo::rerun-if-changed=../injector-ebpf");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").context("cargo names no OUT_DIR")?);
    let skip = env::var("AYA_BUILD_SKIP").is_ok_and(|v| v == "1" || v.eq_ignore_ascii_case("true"));
    match if skip { None } else { toolchain() } {
        Some(toolchain) => build(&toolchain, &out),
        None => {
            println!(
                "cargo::warning=no eBPF toolchain (cargo xtask setup): this binary can load no programs"
            );
            OBJECTS.iter().try_for_each(|(_, object)| Ok(fs::write(out.join(object), [])?))
        }
    }
}
