#!/usr/bin/env bash
# Runs a command where there is nothing but it: processes, network, users and Ray's folder of its own. `ray stop` and
# `ray down` end every Ray that they see, and an sshd needs port 22.
#   isolated.sh FOLDER COMMAND...    FOLDER is the user's home; needs root, as sshd does
set -euo pipefail
home=$(mkdir -p "$1" && cd "$1" && pwd)
shift
if [ "${ISOLATED:-}" != yes ]; then
  exec env ISOLATED=yes unshare --pid --fork --mount-proc --net --mount --kill-child "$0" "$home" "$@"
fi
ip link set lo up
mkdir -p "$home/ray" "$home/sshd"
# First, as ssh asks for the home of the user's number.
{ echo "recycle:x:0:0::$home:/bin/bash"; sed '/^recycle:/d' /etc/passwd; } > "$home/sshd/passwd"
mount --bind "$home/sshd/passwd" /etc/passwd
# Ray's sockets need a short path.
mount --bind "$home/ray" /mnt
unset RAY_ADDRESS
export HOME=$home USER=recycle RAY_TMPDIR=/mnt
cd "$home"
exec "$@"
