#!/usr/bin/env bash
# Fuzzes every reader for so many seconds each (default an hour), from the sample that the tests spoil:
#     bash fuzz/run.sh [SECONDS] [READER …]
# What is found lies in fuzz/artifacts/READER/.
# Needs cargo-fuzz (cargo install cargo-fuzz). A stable compiler will do: its switches are unlocked here.
set -euo pipefail
cd "$(dirname "$0")"
export RUSTC_BOOTSTRAP=1
seconds=${1:-3600}
shift || true
readers=("$@")
[ ${#readers[@]} -gt 0 ] || mapfile -t readers < <(cargo fuzz list)
CLEL_SAMPLES="$PWD/corpus" cargo test --quiet --manifest-path ../Cargo.toml --workspace --test spoilt_files samples_are_whole
for reader in "${readers[@]}"; do
    echo "== $reader, $seconds s"
    cargo fuzz run "$reader" -- -max_total_time="$seconds" -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1
done
