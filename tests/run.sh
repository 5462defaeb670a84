#!/usr/bin/env bash
# Installs what is missing (Debian packages only), builds everything with warnings as errors and runs every test.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

bash tests/deps.sh g++ cmake ninja-build libeigen3-dev libtbb-dev zlib1g-dev libpng-dev libjpeg62-turbo-dev \
  pkg-config libcli11-dev doctest-dev libbenchmark-dev dataset-fashion-mnist \
  libavformat-dev libavcodec-dev libswscale-dev libavutil-dev libsndfile1-dev opencv-doc

cuda=OFF
nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null || true)
if [ ! -e cuda/CMakeLists.txt ]; then
  echo "cuda: nothing to build"
elif [ -z "$nvcc" ]; then
  echo "cuda: skipped, no nvcc on this machine"
else
  echo "cuda: built by $nvcc"
  cuda=ON
  export CUDACXX=$nvcc
fi

cmake --preset ci -DNACRE_CUDA=$cuda
cmake --build --preset ci -- -k 0
ctest --preset ci --no-tests=error -j "$(nproc)"
