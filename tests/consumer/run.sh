#!/usr/bin/env bash
# run.sh SOURCE_DIR BUILD_DIR SCRATCH COMPILER: installs the built tree and uses it in every promised way.
set -euo pipefail
source=$1 build=$2 scratch=$3 compiler=$4
here=$source/tests/consumer
rm -rf "$scratch"
mkdir -p "$scratch"
cmake --install "$build" --prefix "$scratch/prefix" >"$scratch/install.log"

use() { # HOW TARGET
  local dir="$scratch/$1-${2#nacre::}"
  echo "--- $1 $2"
  cmake -G Ninja -S "$here" -B "$dir" -DHOW="$1" -DTARGET="$2" -DNACRE_ROOT="$source" -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_PREFIX_PATH="$scratch/prefix" -DCMAKE_CXX_COMPILER="$compiler" >"$dir.log" || { cat "$dir.log"; exit 1; }
  cmake --build "$dir" --target consumer >"$dir.log" || { cat "$dir.log"; exit 1; }
  "$dir/consumer"
}
use find_package nacre::nacre
use find_package nacre::compiled
use add_subdirectory nacre::nacre
use FetchContent nacre::nacre

echo "--- pkg-config"
if command -v pkg-config >/dev/null; then
  export PKG_CONFIG_PATH=$scratch/prefix/share/pkgconfig
  # shellcheck disable=SC2046
  "$compiler" "$here/main.cpp" "$here/other.cpp" $(pkg-config --cflags --libs nacre) -o "$scratch/plain"
  "$scratch/plain"
else
  echo "skipped: no pkg-config on this machine"
fi

if [ -e "$source/examples/06_embed/CMakeLists.txt" ]; then
  echo "--- examples/06_embed"
  cmake -G Ninja -S "$source/examples/06_embed" -B "$scratch/embed" -DCMAKE_PREFIX_PATH="$scratch/prefix" \
    -DCMAKE_CXX_COMPILER="$compiler" >"$scratch/embed.log" || { cat "$scratch/embed.log"; exit 1; }
  cmake --build "$scratch/embed" >"$scratch/embed.log" || { cat "$scratch/embed.log"; exit 1; }
fi
