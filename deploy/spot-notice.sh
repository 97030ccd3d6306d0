#!/usr/bin/env bash
# Waits until the cloud announces that it takes this machine back, and tells Ray: members that train here write a
# checkpoint and go on elsewhere. Started in the background by worker_start_ray_commands: spot-notice.sh aws|gcp [SECONDS]
set -euo pipefail
cloud=$1
poll_s=${2:-5}
metadata=${METADATA_ADDRESS:-http://169.254.169.254}

announced() {
  case $cloud in
    aws)
      local token
      token=$(curl -sf -m 2 -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" "$metadata/latest/api/token") &&
        curl -sf -m 2 -o /dev/null -H "X-aws-ec2-metadata-token: $token" "$metadata/latest/meta-data/spot/instance-action"
      ;;
    gcp)
      [ "$(curl -sf -m 2 -H "Metadata-Flavor: Google" "$metadata/computeMetadata/v1/instance/preempted")" = TRUE ]
      ;;
    *)
      echo "spot-notice.sh: the cloud must be aws or gcp, but got $cloud" >&2
      exit 2
      ;;
  esac
}

# AWS leaves two minutes, Google Cloud thirty seconds.
left_s=$([ "$cloud" = aws ] && echo 110 || echo 25)
until announced; do sleep "$poll_s"; done
exec python -m recycle.orchestration.leave_node "$left_s"
