#!/bin/bash
# Installs the distribution packages that scripts/packages.txt lists for this distribution.
# Run by `cargo xtask setup` and by the Vagrantfile; safe to run again: asks apt for nothing when all are there.
#   provision.sh            install what is missing
#   provision.sh --missing  only print what is missing, one per line
#   provision.sh --list     only print what is needed, one per line
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Vagrant runs a copy of this file without its neighbours, and says where the list is.
packages=${PACKAGES:-$here/packages.txt}
# shellcheck source=/dev/null
. /etc/os-release

needed() {
  awk -v id="$ID" -v full="$ID-${VERSION_ID:-}" \
    '$1 == "all" || $1 == id || $1 == full { print $2 }' "$packages"
}

missing() {
  local have
  have=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' 2>/dev/null | awk '$1 == "ii" { print $2 }')
  needed | grep -Fxv -f <(printf '%s\n' "$have") || true
}

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || {
  echo "provision: $ID has no apt; install what these Debian packages hold:" $(needed) >&2
  exit 2
}
case ${1:-} in
  --list) needed; exit ;;
  --missing) missing; exit ;;
  '') ;;
  *) sed -n '2,6p' "$0" >&2; exit 2 ;;
esac

mapfile -t wanted < <(missing)
[ ${#wanted[@]} -gt 0 ] || exit 0
echo "provision: installing ${wanted[*]}"
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
export DEBIAN_FRONTEND=noninteractive

# No package may start its service: nginx and prometheus are only used as programs here. Debian asks
# this file before it starts one; a file that was there before stays as it was.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
  "${as_root[@]}" chmod 755 $policy
  trap '"${as_root[@]}" rm -f $policy' EXIT
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "${wanted[@]}"
