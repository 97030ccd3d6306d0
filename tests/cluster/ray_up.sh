#!/usr/bin/env bash
# What a user does with cluster.yaml, for real: as it is, on one machine, and edited for two; up, submit, fetch, down. The
# machines are network namespaces with an sshd each, and beside them is one that is not of the cluster.
# Called by `make test-cluster` inside isolated.sh: ray_up.sh REPOSITORY VENV
set -euo pipefail
repository=$1 venv=$2
say() { echo "== $SECONDS s: $*"; }
fail() { echo "$*" && exit 1; }

head=10.77.0.1 worker=10.77.0.2 outsider=10.77.0.3
sshd="$(command -v sshd || echo /usr/sbin/sshd) -p 22 -h $HOME/sshd/host_key -o PidFile=none -o StrictModes=no
  -o PasswordAuthentication=no -o UsePAM=no -o SetEnv=RAY_TMPDIR=/mnt -o AuthorizedKeysFile=$HOME/.ssh/authorized_keys"

say "two machines that share a home, a third on their network, and a throw-away key"
mkdir -p ~/.ssh ~/ray-of-worker /run/sshd
chmod 700 ~ ~/.ssh
ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
ssh-keygen -q -t ed25519 -N '' -f ~/sshd/host_key
cp ~/.ssh/id_ed25519.pub ~/.ssh/authorized_keys
$sshd
unshare --net --mount --pid --fork --mount-proc --kill-child sh -ec "
  touch ~/worker-is-apart
  until ip link show to-switch > /dev/null 2>&1; do sleep 0.1; done
  mount --bind ~/ray-of-worker /mnt
  exec $(echo $sshd) -D" &
worker_pid=$!
unshare --net sleep infinity &
outsider_pid=$!
until [ -e ~/worker-is-apart ]; do sleep 0.1; done
ip link add switch type bridge
ip address add $head/24 dev switch
ip link set switch up
on() { local pid=$1_pid && nsenter --net=/proc/${!pid}/ns/net "${@:2}"; }
for machine in worker outsider; do
  pid=${machine}_pid
  ip link add to-$machine type veth peer name to-switch netns ${!pid}
  ip link set to-$machine master switch up
  on $machine ip address add ${!machine}/24 dev to-switch
  on $machine ip link set to-switch up
  on $machine ip link set lo up
done

say "an environment that is set up already, as the network is not there"
touch ~/.bashrc
mkdir -p ~/recycle-source
"$venv/bin/python" -m venv --without-pip ~/recycle-source/.venv
site=$(echo ~/recycle-source/.venv/lib/python*/site-packages)
"$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' > "$site/base.pth"
echo ~/recycle-source > "$site/recycle.pth"
printf '#!/bin/sh\nexec %s -m ray.scripts.scripts "$@"\n' ~/recycle-source/.venv/bin/python > ~/recycle-source/.venv/bin/ray
chmod +x ~/recycle-source/.venv/bin/ray
touch -d '1 day' ~/recycle-source/.venv/.installed
export PATH=$HOME/recycle-source/.venv/bin:$PATH
export PYTHONPATH=  RAY_AUTH_MODE=token
cat > ~/tiny.yaml << 'YAML'
name: tiny
data: {folds: 2, test_fraction: 0.25, synthetic: {images: 24, image_size: 96}}
models:
  - name: yolov5
    family: yolov5
    size: tiny
    image_size: 96
    epochs: 1
    batch_size: 8
    optimizer: {type: adamw, lr: 1e-3}
    augmentations: [{type: resize}]
fusion: {trials: 2}
YAML

# Ports on which a machine listens, of the network namespace before, and the part of them that others could reach.
listening() { "$@" ss -Hltn | awk '{print $4}' | sed 's/.*://' | sort -nu; }
# Those of the given ports of an address that the machine beside the cluster can connect to.
reached() {
  on outsider python - "$@" << 'PYTHON'
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

address, *ports = sys.argv[1:]


def is_reached(port: str) -> bool:
    try:
        socket.create_connection((address, int(port)), timeout=3).close()
    except OSError:
        return False
    return True


with ThreadPoolExecutor(len(ports)) as pool:
    print(*(port for port, is_open in zip(ports, pool.map(is_reached, ports)) if is_open), sep="\n")
PYTHON
}

# Fails unless a run is finished, and as many machines as told have trained.
finished() {
  python - "$@" << 'PYTHON'
import json
import pathlib
import sys

run, machines = pathlib.Path(sys.argv[1]), int(sys.argv[2])
results = json.loads((run / "results.json").read_text())
assert results["failed"] == {} and len(results["members"]) == 2, results
attempts = map(json.loads, (run / "attempts.jsonl").read_text().splitlines())
nodes = {attempt["node"] for attempt in attempts if attempt["event"] == "started"}
assert len(nodes) == machines, nodes
PYTHON
}
down() {
  ray down --yes "$1"
  if pgrep -f gcs_server; then
    fail "Ray still runs"
  fi
}
only_ssh_is_open() {
  local ports
  ports=$(reached $head $(listening); reached $worker $(listening on worker))
  [ "$ports" = $'22\n22' ] || fail "others reach the ports" $ports
}
others_are_refused() {
  if RAY_AUTH_MODE=disabled timeout 120 python -c 'import ray; ray.init(address="'$head':6379")' > ~/refused 2>&1; then
    fail "a client without a token was let in"
  fi
  grep -q "Failed to connect to Ray cluster" ~/refused
  if RAY_AUTH_TOKEN=$(printf '0%.0s' {1..64}) timeout 120 ray status --address $head:6379 > ~/refused-too 2>&1; then
    fail "a client with another token was let in"
  fi
  grep -q "InvalidAuthToken" ~/refused-too
}

cd "$repository"
say "up, with the file as it is: nothing of it is seen from other machines"
ray get-auth-token --generate > /dev/null
chmod 600 ~/.ray/auth_token
ray up --yes --no-config-cache cluster.yaml
ray status --address 127.0.0.1:6379 > /dev/null
[ "$(reached $head $(listening))" = 22 ]

say "submit as a job"
ray job submit --address http://127.0.0.1:8265 -- \
  python recycle-source/jobs/train_all.py --recipe tiny.yaml --run-dir runs/job
finished ~/runs/job 1
if RAY_AUTH_MODE=disabled ray job list --address http://127.0.0.1:8265 > ~/refused-jobs 2>&1; then
  fail "a client without a token was shown jobs"
fi

say "down"
down cluster.yaml

say "up, with two machines, whose ports are closed"
sed -e "s/head_ip: 127.0.0.1/head_ip: $head/" -e "s/worker_ips: \[\]/worker_ips: [$worker]/" \
  -e "s|# - \(.*close-ports.sh\) 10.0.0.0/24|- \1 $head $worker|" cluster.yaml > ~/cluster.yaml
ray up --yes --no-config-cache ~/cluster.yaml

say "the worker comes"
cores=$(python - << 'PYTHON'
import time

import ray

ray.init(address="auto", log_to_driver=False)
deadline = time.monotonic() + 120
while sum(node["Alive"] for node in ray.nodes()) < 2:
    assert time.monotonic() < deadline, ray.nodes()
    time.sleep(0.5)
print(max(int(node["Resources"]["CPU"]) for node in ray.nodes()))
PYTHON
)

say "others reach ssh alone; without the rules they reach all but the dashboard"
only_ssh_is_open
nft delete table inet recycle
[ "$(reached $head 22 6379 8265)" = $'22\n6379' ]
for _ in again twice; do deploy/close-ports.sh $head $worker; done
only_ssh_is_open

say "submit; meanwhile, who has no token is refused"
others_are_refused &
refusals=$!
# Each member takes a whole machine.
ray submit ~/cluster.yaml jobs/train_all.py -- --recipe tiny.yaml --run-dir runs/first \
  --set models.0.resources.num_cpus="$cores" seed=1
wait $refusals

say "fetch"
ray rsync-down ~/cluster.yaml '~/runs/first/' ~/fetched/
finished ~/fetched 2

say "down"
down ~/cluster.yaml
say "done"
