#!/usr/bin/env bash
# Everything that needs an NVIDIA GPU, in one go: tests, engines, and one benchmark for each back end that works there.
#   benchmarks/run_gpu.sh [FOLDER]     results go to FOLDER (default: benchmarks/results/gpu), logs beside them
# Wants an environment with realtime3d[test,tensorrt,torch], where torch is a CUDA build.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:-benchmarks/results/gpu}
mkdir -p "$out"
export PYTHONUNBUFFERED=1
failed=0

step() {  # step NAME COMMAND...: run it, keep what it says, go on when it fails
  local name=$1
  shift
  printf '\n== %s  (%ss)\n' "$name" "$SECONDS"
  "$@" 2>&1 | tee "$out/$name.log"
  local code=${PIPESTATUS[0]}
  [ "$code" = 0 ] || { echo "$name ended with exit code $code"; failed=1; }
}

nvidia-smi --query-gpu=name,compute_cap,driver_version,memory.total --format=csv | tee "$out/gpu.csv" || exit 3
step doctor realtime3d doctor
step tests python -m pytest -q -m gpu
step contract python -m pytest -q tests/contract/test_backend_contract.py
for precision in fp32 fp16; do
  step "build-$precision" realtime3d build --precision "$precision"
done
for backend in onnxruntime torch torch-compile tensorrt; do
  step "bench-$backend" realtime3d bench --backend "$backend" --overwrite \
    --json "$out/$backend.json" --report "$out/$backend.md" --report "$out/$backend.png"
done
for backend in torch torch-compile tensorrt; do
  [ -f "$out/$backend.json" ] && step "compare-$backend" realtime3d bench --compare "$out/onnxruntime.json" "$out/$backend.json"
done
exit "$failed"
