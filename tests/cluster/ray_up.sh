#!/usr/bin/env bash
# What a user does with cluster.yaml, for real, against an sshd on loopback: up, submit, fetch, down. Called by
# `make test-cluster` inside isolated.sh: ray_up.sh REPOSITORY VENV
set -euo pipefail
repository=$1 venv=$2
say() { echo "== $SECONDS s: $*"; }

say "an sshd with a throw-away key"
mkdir -p ~/.ssh /run/sshd
chmod 700 ~ ~/.ssh
ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
ssh-keygen -q -t ed25519 -N '' -f ~/sshd/host_key
cp ~/.ssh/id_ed25519.pub ~/.ssh/authorized_keys
"$(command -v sshd || echo /usr/sbin/sshd)" -p 22 -h ~/sshd/host_key -o ListenAddress=127.0.0.1 -o PidFile=none \
  -o StrictModes=no -o PasswordAuthentication=no -o UsePAM=no -o SetEnv=RAY_TMPDIR=/mnt -o "AuthorizedKeysFile=$HOME/.ssh/authorized_keys"

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
ray up --yes --no-config-cache cluster.yaml

say "only this machine is listened to"
python - <<'PYTHON'
import psutil

listening = {c.laddr for c in psutil.net_connections("tcp") if c.status == "LISTEN"}
dashboard = [address.ip for address in listening if address.port == 8265]
assert dashboard == ["127.0.0.1"], dashboard
print(sorted({(a.ip, a.port) for a in listening}))
PYTHON

say "who has no token is refused"
if RAY_AUTH_MODE=disabled timeout 120 python -c 'import ray; ray.init(address="127.0.0.1:6379")' > ~/refused 2>&1; then
  echo "a client without a token was let in" && exit 1
fi
grep -q "Failed to connect to Ray cluster" ~/refused
if RAY_AUTH_TOKEN=$(printf '0%.0s' {1..64}) timeout 120 ray status --address 127.0.0.1:6379 > ~/refused-too 2>&1; then
  echo "a client with another token was let in" && exit 1
fi
grep -q "InvalidAuthToken" ~/refused-too
ray status --address 127.0.0.1:6379 > ~/status

say "submit"
ray submit cluster.yaml jobs/train_all.py -- --run-dir runs/first --set data.synthetic.images=24 \
  data.synthetic.image_size=96 models.0.image_size=96 models.0.epochs=2 models.1.image_size=96 models.1.epochs=2 \
  data.test_fraction=0.25 fusion.trials=2

say "submit as a job"
ray job submit --address http://127.0.0.1:8265 -- python recycle-source/jobs/train_all.py --help > ~/job
grep -q -- --run-dir ~/job
if RAY_AUTH_MODE=disabled ray job list --address http://127.0.0.1:8265 > ~/refused-jobs 2>&1; then
  echo "a client without a token was shown jobs" && exit 1
fi

say "fetch"
ray rsync-down cluster.yaml '~/runs/first/' ~/fetched/
python -c 'import json, pathlib; r = json.loads(pathlib.Path("~/fetched/results.json").expanduser().read_text()); assert r["failed"] == {} and len(r["members"]) == 4'

say "down"
ray down --yes cluster.yaml
if pgrep -f gcs_server; then
  echo "Ray still runs" && exit 1
fi
say "done"
