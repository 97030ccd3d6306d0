#!/usr/bin/env bash
# Closes this machine to all but ssh and the machines of the cluster, as Ray listens on every address. Run it on each
# machine, as root or as a user whom sudo asks no password, and again after a reboot, which forgets the rules.
#   close-ports.sh [--ssh-port PORT] ADDRESS...    addresses, or networks such as 10.0.0.0/24, of all machines
# Without PORT it is the one by which the caller is logged in, or 22.
# `sudo nft delete table inet recycle` opens it again.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
fail() { echo "close-ports.sh: $*" >&2 && exit 2; }

login=${SSH_CONNECTION:-22}
ssh_port=${login##* }
if [ "${1:-}" = --ssh-port ]; then
  ssh_port=${2:-}
  shift 2 || fail "--ssh-port must be followed by a port"
fi
[[ $ssh_port =~ ^[0-9]+$ ]] || fail "--ssh-port must be a number, but got '$ssh_port'"
[ $# -gt 0 ] || fail "the addresses of all machines must be named, as 10.0.0.0/24 or 10.0.0.1 10.0.0.2"

accept_cluster=
for address in "$@"; do
  [[ $address =~ ^([0-9.]+|[0-9a-fA-F]*:[0-9a-fA-F:.]*)(/[0-9]+)?$ ]] ||
    fail "must be an address or a network, but got '$address'"
  family=$([[ $address == *:* ]] && echo ip6 || echo ip)
  accept_cluster+="    $family saddr $address accept"$'\n'
done

command -v nft > /dev/null || fail "there is no nft; install the package nftables"
[ "$(id -u)" = 0 ] || exec sudo -n "$(realpath "$0")" --ssh-port "$ssh_port" "$@"

# In one step, in the place of what an earlier call has set; tables of others stay as they are, and what they refuse
# stays refused.
nft -f - << RULES
table inet recycle
delete table inet recycle
table inet recycle {
  chain input {
    type filter hook input priority filter; policy drop;
    iif lo accept
    ct state established,related accept
    tcp dport $ssh_port accept
    meta l4proto { icmp, ipv6-icmp } accept
    # Answers of DHCP, without which a machine loses its address.
    udp sport . udp dport { 67 . 68, 547 . 546 } accept
$accept_cluster  }
}
RULES
echo "close-ports.sh: this machine now answers on port $ssh_port alone, and on all ports to $*"
