#!/bin/bash
# build-override.sh DEB FRAGMENT OUT: builds the kernel of Debian's linux-source package DEB with the options
# of FRAGMENT laid over allnoconfig; leaves OUT/vmlinuz and OUT/config. Needs about 3 GB in TMPDIR meanwhile.
# Called by `cargo xtask setup`, which keeps the result in its cache.
set -euo pipefail
deb=$(readlink -f "$1") fragment=$(readlink -f "$2") out=$(readlink -f "$3")
work=$(mktemp -d "${TMPDIR:-/tmp}/override-kernel.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT HUP

echo "unpacking the source"
dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' \
  | xz -dc -T0 | tar -x -C "$work" --strip-components=1
cd "$work"

echo "configuring"
export KBUILD_BUILD_USER=injector KBUILD_BUILD_HOST=xtask KCONFIG_ALLCONFIG=$fragment
make -s allnoconfig
unset KCONFIG_ALLCONFIG
# An option that the source no longer knows, or whose dependency is missing, would be dropped in silence.
lost=$(grep -E '^CONFIG_[A-Z0-9_]+=[ym"]' "$fragment" | grep -Fxv -f .config || true)
if [ -n "$lost" ]; then
  echo "options that did not take:" $lost >&2
  exit 1
fi

echo "compiling"
make -j"$(nproc)" bzImage
cp arch/x86/boot/bzImage "$out/vmlinuz"
cp .config "$out/config"
