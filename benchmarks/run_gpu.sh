#!/usr/bin/env bash
# Everything that needs an NVIDIA GPU, in one go: tests, engines, and one benchmark for each back end that works there.
#   benchmarks/run_gpu.sh [FOLDER]     results go to FOLDER (default: benchmarks/results/gpu), logs beside them
# Wants an activated environment with the extras test, tensorrt and torch of this folder, where torch is a CUDA build, and about an hour.
# ONNX Runtime is measured on the GPU too where onnxruntime-gpu took the place of onnxruntime. A part that this machine
# cannot have (exit code 3: TensorRT for RTX knows no H200, say) is named at the end and is no failure.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:-benchmarks/results/gpu}
export PYTHONUNBUFFERED=1 REALTIME3D_ENGINES=${REALTIME3D_ENGINES:-$PWD/engines}
failed=() absent=()

for tool in nvidia-smi python; do
  command -v "$tool" >/dev/null || { echo "there is no $tool: run this where the GPU is, in the environment"; exit 3; }
done
mkdir -p "$out/engines" || exit 5

step() {  # step NAME COMMAND...: run it, keep what it says, go on when it fails
  local name=$1
  shift
  printf '\n== %s  (%ss)\n' "$name" "$SECONDS"
  "$@" 2>&1 | tee "$out/$name.log"
  local code=${PIPESTATUS[0]}
  case $code in
    0) ;;
    3) absent+=("$name") ;;
    *) echo "$name ended with exit code $code"; failed+=("$name") ;;
  esac
}

bench() {  # bench NAME BACKEND DEVICE
  rm -f "$out/$1.json"  # an older run's would be compared with
  step "bench-$1" python -m realtime3d bench --backend "$2" --device "$3" --overwrite \
    --json "$out/$1.json" --report "$out/$1.md" --report "$out/$1.png"
}

step gpu nvidia-smi --query-gpu=name,compute_cap,driver_version,memory.total --format=csv
step tests python -m pytest -q -m gpu
step contract python -m pytest -q tests/contracts/test_backend.py tests/unit/backends
for precision in fp32 fp16; do
  step "build-$precision" python -m realtime3d build --precision "$precision" --overwrite
done
bench onnxruntime onnxruntime cpu
bench openvino-bf16 openvino-bf16 cpu
bench onnxruntime-cuda onnxruntime cuda:0
bench torch torch cuda:0
bench torch-compile torch-compile cuda:0
bench tensorrt tensorrt cuda:0
for name in openvino-bf16 onnxruntime-cuda torch torch-compile tensorrt; do
  [ -f "$out/$name.json" ] && step "compare-$name" python -m realtime3d bench --compare "$out/onnxruntime.json" "$out/$name.json"
done
step doctor python -m realtime3d doctor  # with the engines' parity on this GPU
cp "$REALTIME3D_ENGINES"/*.json "$out/engines" 2>/dev/null  # the sidecars; there are none where nothing was built

printf '\nresults: %s\n' "$out"
[ ${#absent[@]} = 0 ] || echo "not on this machine: ${absent[*]}"
[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
