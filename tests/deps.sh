#!/usr/bin/env bash
# deps.sh PACKAGE...: installs the Debian packages that are missing.
# Does nothing, and needs no network, when all are here. Installs as root or by `sudo -n`; else says what to type and
# exits 2.
set -euo pipefail

missing=()
for package in "$@"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "deps.sh: this is not Debian; install what matches these packages: ${missing[*]}" >&2
  exit 2
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "deps.sh: packages are missing; as root, run:" >&2
    echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 2
  fi
  root=(sudo -n)
fi

echo "installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null >>"$log" 2>&1
}
if ! { apt update || true; apt install -y --no-install-recommends "${missing[@]}"; }; then
  tail -n 20 "$log" >&2
  echo "deps.sh: apt-get could not install ${missing[*]}" >&2
  exit 2
fi
