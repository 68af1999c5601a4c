//! What a kernel boots from: its uncompressed image and its modules, prepared once and cached.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use super::cpio::Tree;
use super::key::Key;
use crate::kernel::Kernel;
use crate::{command, paths};

/// Modules that tests may ask for; those they need come along, those built in are not missed. They are
/// loaded when something asks for them, never at boot.
const MODULES: &str = "sch_netem sch_ingress sch_fq sch_fq_codel sch_prio sch_htb sch_tbf cls_bpf cls_u32 \
    cls_matchall cls_flower act_bpf act_mirred act_gact veth ifb dummy bridge 8021q vxlan tun inet_diag tcp_diag \
    udp_diag unix_diag tcp_bbr overlay loop null_blk mq_deadline nf_tables nft_chain_nat nft_nat";

/// The kernel as qemu starts it fastest: uncompressed, for a guest takes seconds to do that itself.
pub fn vmlinux(kernel: &Kernel) -> Result<PathBuf> {
    let mut key = Key::new();
    key.file(&kernel.image)?;
    let cached = paths::cache()?.join("vm").join(format!("vmlinux-{}-{key}", kernel.name));
    if !cached.is_file() {
        let image = fs::read(&kernel.image).with_context(|| format!("reading {}", kernel.image.display()))?;
        let unpacked = if image.starts_with(b"\x7fELF") { image } else { decompress(&image)? };
        save(&cached, &unpacked)?;
    }
    Ok(cached)
}

/// Takes the compressed kernel out of a bzImage. Offsets are those of the x86 boot protocol, 2.08 and later;
/// the payload's last four bytes are the size it unpacks to.
fn decompress(image: &[u8]) -> Result<Vec<u8>> {
    let word = |at: usize| -> Result<usize> {
        let bytes = image.get(at..at + 4).context("the kernel image is cut short")?;
        Ok(u32::from_le_bytes(bytes.try_into()?) as usize)
    };
    ensure!(image.get(0x202..0x206) == Some(b"HdrS"), "not a bzImage");
    let setup_sectors = match image[0x1f1] {
        0 => 4,
        sectors => usize::from(sectors),
    };
    let start = (setup_sectors + 1) * 512 + word(0x248)?;
    let end = start + word(0x24c)?;
    let payload = image.get(start..end).context("the kernel image is cut short")?;
    let (program, args): (_, &[&str]) = match payload {
        [0x1f, 0x8b, ..] => ("gzip", &["-dc"]),
        [0x02, 0x21, 0x4c, 0x18, ..] => ("lz4", &["-dcq"]),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => ("xz", &["-dc"]),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("zstd", &["-dcq"]),
        _ => bail!("the kernel image is compressed with none of gzip, lz4, xz and zstd"),
    };
    let unpacked = command::filter(program, args, payload.to_vec())?;
    ensure!(unpacked.starts_with(b"\x7fELF"), "{program} found no kernel in the image");
    ensure!(unpacked.len() == word(end - 4)?, "{program} unpacked only a part of the kernel");
    Ok(unpacked)
}

/// The archive of the modules that tests may use; `None` for a kernel with everything built in.
pub fn modules(kernel: &Kernel) -> Result<Option<PathBuf>> {
    let Some(from) = &kernel.modules else { return Ok(None) };
    let mut key = Key::new();
    key.file(&kernel.image)?.text(&from.to_string_lossy()).text(MODULES);
    let cached = paths::cache()?.join("vm").join(format!("modules-{}-{key}.cpio", kernel.name));
    if !cached.is_file() {
        pack_modules(from)?.save(&cached)?;
    }
    Ok(Some(cached))
}

fn pack_modules(from: &Path) -> Result<Tree> {
    let version = from.file_name().context("modules without a version")?.to_string_lossy().into_owned();
    // .../lib/modules/VERSION: depmod wants what is above lib. Debian's packages ship no modules.dep.
    let base = from.ancestors().nth(3).context("modules outside lib/modules")?;
    depmod(base, &version)?;
    let wanted = with_dependencies(&fs::read_to_string(from.join("modules.dep"))?);
    let stage = tempfile::tempdir()?;
    let staged = stage.path().join("lib/modules").join(&version);
    fs::create_dir_all(staged.join("kernel"))?;
    for path in wanted {
        let bytes = fs::read(from.join(&path)).with_context(|| format!("reading module {path}"))?;
        let name = path.rsplit('/').next().unwrap_or(&path);
        let (name, bytes) = match name.rsplit_once('.') {
            Some((stem, "xz")) => (stem, command::filter("xz", &["-dc"], bytes)?),
            Some((stem, "zst")) => (stem, command::filter("zstd", &["-dcq"], bytes)?),
            _ => (name, bytes),
        };
        fs::write(staged.join("kernel").join(name), bytes)?;
    }
    for index in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        if from.join(index).is_file() {
            fs::copy(from.join(index), staged.join(index))?;
        }
    }
    depmod(stage.path(), &version)?;
    let mut tree = Tree::default();
    let root = format!("/usr/lib/modules/{version}");
    for entry in fs::read_dir(&staged)?.chain(fs::read_dir(staged.join("kernel"))?) {
        let path = entry?.path();
        // The guest's modprobe reads the text indexes only.
        if path.is_file() && path.extension().is_none_or(|extension| extension != "bin") {
            let within = path.strip_prefix(&staged)?.to_string_lossy().into_owned();
            tree.bytes(&format!("{root}/{within}"), 0o644, fs::read(&path)?);
        }
    }
    Ok(tree)
}

fn depmod(base: &Path, version: &str) -> Result<()> {
    let depmod = paths::program("depmod").context("no depmod: run `cargo xtask setup`")?;
    command::output(Command::new(depmod).arg("-b").arg(base).arg(version)).map(drop)
}

/// The files of the wanted modules and of all they depend on, from the text of a `modules.dep`.
fn with_dependencies(index: &str) -> BTreeSet<String> {
    let wanted: BTreeSet<&str> = MODULES.split_whitespace().collect();
    let mut files = BTreeSet::new();
    for (module, needs) in index.lines().filter_map(|line| line.split_once(':')) {
        let file = module.rsplit('/').next().unwrap_or(module);
        let name = file.split(".ko").next().unwrap_or(file).replace('-', "_");
        if wanted.contains(name.as_str()) {
            files.insert(module.to_owned());
            files.extend(needs.split_whitespace().map(str::to_owned));
        }
    }
    files
}

/// Writes a cache file, which appears only when it is whole.
fn save(path: &Path, bytes: &[u8]) -> Result<()> {
    let directory = path.parent().context("a cache file needs a directory")?;
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    std::io::Write::write_all(&mut file, bytes)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_come_along() {
        let index = "kernel/net/sched/act_mirred.ko.xz: kernel/net/core/x.ko.xz\n\
                     kernel/fs/nfs/nfs.ko.xz: kernel/fs/lockd.ko.xz\nkernel/drivers/net/veth.ko:\n";
        let files: Vec<_> = with_dependencies(index).into_iter().collect();
        assert_eq!(
            files,
            ["kernel/drivers/net/veth.ko", "kernel/net/core/x.ko.xz", "kernel/net/sched/act_mirred.ko.xz"]
        );
    }

    #[test]
    fn what_is_no_kernel_is_refused() {
        assert!(decompress(b"MZ").is_err());
        assert!(decompress(&[0; 4096]).is_err());
    }
}
