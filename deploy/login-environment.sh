#!/usr/bin/env bash
# Makes every login of this machine find what was set up beside this script, and ask for the cluster's token.
set -euo pipefail
bin=$(cd "$(dirname "$0")/.." && pwd)/.venv/bin
grep -qs RAY_AUTH_MODE ~/.bashrc && exit
touch ~/.bashrc
# At the beginning, as many a .bashrc ends early where nobody types.
{ echo "export PATH=$bin:\$PATH RAY_AUTH_MODE=token" && cat ~/.bashrc; } > ~/.bashrc.recycle
mv ~/.bashrc.recycle ~/.bashrc
