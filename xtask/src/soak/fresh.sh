#!/bin/bash
# What the README promises, on a machine that is as it says: Debian, git, apt, rustup's stable Rust, nothing else.
# Run by `cargo xtask soak --only fresh` in mount and process namespaces of its own: mounts vanish with them.
#   fresh.sh ROOT REPOSITORY RUSTUP TOOLCHAIN [SETUP-FLAG...]
set -euo pipefail
root=$1 repository=$2 rustup=$3 toolchain=$4
shift 4
[ $$ -lt 10 ] || { echo "fresh: not in a process namespace of its own" >&2; exit 2; }
# shellcheck source=/dev/null
. /etc/os-release

step() {
  echo "fresh: $*"
  local began=$SECONDS
  "$@" || { echo "fresh: FAILED after $((SECONDS - began)) s: $*"; exit 1; }
  echo "fresh: took $((SECONDS - began)) s: $*"
}

# The archive as this machine reaches it: its mirror of the distribution, its proxy, its certificates.
sources() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' "Origin: $1" | sort -u
}
origin=${ID^}
mirror=$(sources "$origin" | awk -v suite="$VERSION_CODENAME" '$2 == suite { print $1; exit }')
[ -n "$mirror" ] || { echo "fresh: apt has no index of $origin $VERSION_CODENAME; run apt-get update" >&2; exit 2; }
step debootstrap --variant=minbase --include=git,ca-certificates "$VERSION_CODENAME" "$root" "$mirror"
sources "$origin" | sed 's/^/deb /' >"$root/etc/apt/sources.list"
apt-config dump | grep -E '^Acquire::(http|https|Check|ForceIPv)' >"$root/etc/apt/apt.conf.d/90host" || true
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"

# rustup as its installer leaves it, with one toolchain. The toolchain is this machine's own, read-only.
home=$root/root
mkdir -p "$home/.cargo/bin" "$home/.rustup/toolchains/${toolchain##*/}"
cp "$rustup" "$home/.cargo/bin/rustup"
for name in cargo cargo-clippy cargo-fmt clippy-driver rustc rustdoc rustfmt; do
  ln -s rustup "$home/.cargo/bin/$name"
done
mount --bind "$toolchain" "$home/.rustup/toolchains/${toolchain##*/}"
mount -o remount,bind,ro "$home/.rustup/toolchains/${toolchain##*/}"

step git clone --quiet "$repository" "$home/injector"

inside() {
  chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 RUSTUP_AUTO_INSTALL=0 \
    PATH=/root/.cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    "${passed[@]}" sh -c "cd /root && { [ ! -d injector ] || cd injector; } && $1" </dev/null
}
passed=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
  [ -z "${!name:-}" ] || passed+=("$name=${!name}")
done
step inside "rustup default ${toolchain##*/}"
# rustup's own prerequisite: xtask itself cannot be linked without it, so it cannot install it.
step inside "apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev"
step inside "cargo xtask setup $*"
began=${EPOCHREALTIME/./}
step inside "cargo xtask setup --check $*"
echo "fresh: setup with nothing missing took $(((${EPOCHREALTIME/./} - began) / 1000)) ms"
step inside "cargo build"
step inside "cargo xtask test --only unit"
echo "fresh: $(du -shx "$root" | cut -f1) at the end"
