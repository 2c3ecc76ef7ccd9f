#!/bin/bash
# SPDX-License-Identifier: MIT
#
# need-packages.sh install|check PACKAGE...
# Makes sure that Debian packages are installed. "install" installs the missing ones (through sudo
# when not root), "check" only names them and fails. On a system without dpkg it trusts the user.
set -eu
mode=$1
shift

command -v dpkg-query >/dev/null || exit 0

missing=()
for package in "$@"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$mode" = check ]; then
    echo "These Debian packages are missing: ${missing[*]}" >&2
    echo "Install them with: make tools" >&2
    exit 1
fi

echo "Installing Debian packages: ${missing[*]}"
run() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
export DEBIAN_FRONTEND=noninteractive
install() { run apt-get install -y --no-install-recommends -q "${missing[@]}" </dev/null; }
install || { run apt-get update -q </dev/null && install; }
