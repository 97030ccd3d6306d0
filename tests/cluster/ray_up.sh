#!/usr/bin/env bash
# What a user does with cluster.yaml, for real, with two machines, which are network namespaces with an sshd each: up,
# submit, fetch, down. Called by `make test-cluster` inside isolated.sh: ray_up.sh REPOSITORY VENV
set -euo pipefail
repository=$1 venv=$2
say() { echo "== $SECONDS s: $*"; }

head=10.77.0.1 worker=10.77.0.2
sshd="$(command -v sshd || echo /usr/sbin/sshd) -p 22 -h $HOME/sshd/host_key -o PidFile=none -o StrictModes=no
  -o PasswordAuthentication=no -o UsePAM=no -o SetEnv=RAY_TMPDIR=/mnt -o AuthorizedKeysFile=$HOME/.ssh/authorized_keys"

say "two machines that share a home, and a throw-away key"
mkdir -p ~/.ssh ~/ray-of-worker /run/sshd
chmod 700 ~ ~/.ssh
ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
ssh-keygen -q -t ed25519 -N '' -f ~/sshd/host_key
cp ~/.ssh/id_ed25519.pub ~/.ssh/authorized_keys
ip link add to-worker type veth peer name to-head
ip address add $head/24 dev to-worker
ip link set to-worker up
$sshd
unshare --net --mount --pid --fork --mount-proc --kill-child sh -ec "
  touch ~/worker-is-apart
  until ip address add $worker/24 dev to-head 2> /dev/null; do sleep 0.1; done
  ip link set to-head up
  ip link set lo up
  mount --bind ~/ray-of-worker /mnt
  exec $(echo $sshd) -D" &
until [ -e ~/worker-is-apart ]; do sleep 0.1; done
ip link set to-head netns $!

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

cd "$repository"
say "up"
ray get-auth-token --generate > /dev/null
chmod 600 ~/.ray/auth_token
sed -e "s/head_ip: 127.0.0.1/head_ip: $head/" -e "s/worker_ips: \[\]/worker_ips: [$worker]/" cluster.yaml > ~/cluster.yaml
ray up --yes --no-config-cache ~/cluster.yaml

say "the dashboard is this machine's alone"
python - <<'PYTHON'
import psutil

listening = {c.laddr for c in psutil.net_connections("tcp") if c.status == "LISTEN"}
assert [address.ip for address in listening if address.port == 8265] == ["127.0.0.1"], listening
PYTHON

say "who has no token is refused"
if RAY_AUTH_MODE=disabled timeout 120 python -c 'import ray; ray.init(address="'$head':6379")' > ~/refused 2>&1; then
  echo "a client without a token was let in" && exit 1
fi
grep -q "Failed to connect to Ray cluster" ~/refused
if RAY_AUTH_TOKEN=$(printf '0%.0s' {1..64}) timeout 120 ray status --address $head:6379 > ~/refused-too 2>&1; then
  echo "a client with another token was let in" && exit 1
fi
grep -q "InvalidAuthToken" ~/refused-too

say "the worker comes"
python - <<'PYTHON'
import time

import ray

ray.init(address="auto", log_to_driver=False)
deadline = time.monotonic() + 120
while sum(node["Alive"] for node in ray.nodes()) < 2:
    assert time.monotonic() < deadline, ray.nodes()
    time.sleep(0.5)
PYTHON

say "submit"
ray submit ~/cluster.yaml jobs/train_all.py -- --run-dir runs/first --set data.synthetic.images=24 \
  data.synthetic.image_size=96 models.0.image_size=96 models.0.epochs=2 models.1.image_size=96 models.1.epochs=2 \
  data.test_fraction=0.25 fusion.trials=2

say "submit as a job"
ray job submit --address http://127.0.0.1:8265 -- python recycle-source/jobs/train_all.py --help > ~/job
grep -q -- --run-dir ~/job
if RAY_AUTH_MODE=disabled ray job list --address http://127.0.0.1:8265 > ~/refused-jobs 2>&1; then
  echo "a client without a token was shown jobs" && exit 1
fi

say "fetch"
ray rsync-down ~/cluster.yaml '~/runs/first/' ~/fetched/
python - <<'PYTHON'
import json
import pathlib

fetched = pathlib.Path("~/fetched").expanduser()
results = json.loads((fetched / "results.json").read_text())
assert results["failed"] == {} and len(results["members"]) == 4, results
attempts = map(json.loads, (fetched / "attempts.jsonl").read_text().splitlines())
assert len({attempt["node"] for attempt in attempts if attempt["event"] == "started"}) == 2
PYTHON

say "down"
ray down --yes ~/cluster.yaml
if pgrep -f gcs_server; then
  echo "Ray still runs" && exit 1
fi
say "done"
