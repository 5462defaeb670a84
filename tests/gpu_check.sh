#!/usr/bin/env bash
# Builds nacre::cuda and compares every functor on the GPU with the CPU.
# Skipped, with a printed line, where nvcc or a GPU is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null || true)
if [ -z "$nvcc" ]; then
  echo "gpu_check: skipped, no nvcc on this machine"
  exit 0
fi
export CUDACXX=$nvcc
cmake --preset ci -DNACRE_CUDA=ON >/dev/null
cmake --build --preset ci --target nacre_parity
code=0
./build/ci/cuda/nacre_parity || code=$?
if [ "$code" = 77 ]; then
  echo "gpu_check: skipped, no GPU on this machine"
  exit 0
fi
exit "$code"
