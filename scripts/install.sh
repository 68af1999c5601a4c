#!/bin/bash
# Installs injector on this host: program, systemd unit, limits, group and directories. Safe to run again. Nothing is
# enabled or started unless --start says so, and a limits or configuration file that is there stays as it is.
#   install.sh [--binary FILE] [--prefix /usr] [--destdir DIR] [--start]
#   install.sh --uninstall [--prefix /usr] [--destdir DIR]
# --binary   the program; target/release/injector of this repository unless said
# --prefix   where the program goes, below it bin/; the unit is changed to fit
# --destdir  a directory that stands for / (packages, tests): no group is made and systemd is not told
# --start    enables and starts (or restarts) the service
# Uninstalling stops the service, ends what it left in the kernel, and keeps /etc/injector and /var/lib/injector.
set -euo pipefail
umask 022
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=$here/../target/release/injector
prefix=/usr
destdir=${DESTDIR:-}
start= uninstall=

usage() {
  sed -n '2,10p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//' >&2
  exit 2
}
while [ $# -gt 0 ]; do
  case $1 in
    --binary | --prefix | --destdir) [ $# -ge 2 ] || usage ;;&
    --binary) binary=$2; shift 2 ;;
    --prefix) prefix=${2%/}; shift 2 ;;
    --destdir) destdir=${2%/}; shift 2 ;;
    --start) start=1; shift ;;
    --uninstall) uninstall=1; shift ;;
    *) usage ;;
  esac
done
case $prefix in /*) ;; *) echo "install: --prefix is not absolute: $prefix" >&2; exit 2 ;; esac
if [ -n "$destdir" ] && [ -n "$start" ]; then
  echo "install: --start does not go with --destdir" >&2
  exit 2
fi
if [ -z "$destdir" ] && [ "$(id -u)" != 0 ]; then
  echo "install: needs root: sudo $0" >&2
  exit 1
fi

program=$destdir$prefix/bin/injector
unit=$destdir/etc/systemd/system/injector.service
# This host itself, and systemd runs on it.
systemd() { [ -z "$destdir" ] && [ -d /run/systemd/system ]; }

if [ -n "$uninstall" ]; then
  if systemd && [ -e "$unit" ]; then systemctl disable --now injector.service; fi
  if [ -z "$destdir" ] && [ -x "$program" ]; then "$program" clean; fi
  rm -f "$program" "$unit"
  if systemd; then systemctl daemon-reload; fi
  echo "install: removed; kept: $destdir/etc/injector, $destdir/var/lib/injector and the group injector"
  exit
fi

[ -f "$binary" ] || {
  echo "install: no program at $binary: cargo build --release, or --binary FILE" >&2
  exit 1
}
# Root's own: who can write the limits owns the node. The state names who did what: only root reads it.
install -d -m 0755 "$destdir$prefix/bin" "${unit%/*}" "$destdir/etc/injector"
install -d -m 0750 "$destdir/var/lib/injector"
if [ -z "$destdir" ] && ! getent group injector >/dev/null; then groupadd --system injector; fi

# Beside it and then renamed: a daemon that runs keeps its old program, and nobody sees half of the new one.
install -m 0755 "$binary" "$program.new"
mv -f "$program.new" "$program"
sed "s#/usr/bin/injector#$prefix/bin/injector#g" "$here/injector.service" >"$unit.new"
chmod 0644 "$unit.new"
mv -f "$unit.new" "$unit"
limits=$destdir/etc/injector/limits.yaml
if [ -e "$limits" ] || [ -L "$limits" ]; then
  echo "install: $limits stays as it is"
elif [ -f "$here/limits.yaml" ]; then
  install -m 0644 "$here/limits.yaml" "$limits"
fi

if systemd; then systemctl daemon-reload; fi
if [ -z "$start" ]; then
  echo "install: done; nothing was started: systemctl enable --now injector"
elif systemd; then
  systemctl enable injector.service
  systemctl restart injector.service
else
  echo "install: no systemd runs here: start \`injector daemon\` by hand" >&2
  exit 1
fi
