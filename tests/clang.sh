#!/usr/bin/env bash
# The kernels by another compiler: vectors and their alignment are where g++ and clang differ.
#
#   clang.sh ROOT CLANG FLAGS...
set -eu
root=$1
shift
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
sources=("$root"/tests/{main,backend/cpu/winograd,losses/gathered_nce}.cpp)
"$@" -std=c++20 -O2 -ffp-contract=off -DNACRE_SOURCE_DIR="\"$root\"" -I"$root/include" -I"$root/tests" \
  "${sources[@]}" -o "$out/kernels" -ltbb
"$out/kernels"  # sets each instruction set itself
