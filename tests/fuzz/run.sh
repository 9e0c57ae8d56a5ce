#!/usr/bin/env bash
# run.sh FUZZER SEEDS [long]: fuzzes with a copy of the seeds, for 5 seconds, or with `long` for
# FUZZ_SECONDS. Inputs that break something are left in the working directory, named after FUZZER.
set -euo pipefail

fuzzer=$1
seeds=$2
seconds=5
[ "${3:-}" != long ] || seconds=${FUZZ_SECONDS:-600}
name=$(basename "$fuzzer")

mkdir -p "corpus/$name"
cp -n "$seeds"/* "corpus/$name/"
exec "$fuzzer" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
  -artifact_prefix="$name-" "corpus/$name"
