#!/usr/bin/env bash
# The kernels by another compiler: vectors and their alignment are where g++ and clang differ.
#
#   clang.sh ROOT CLANG FLAGS...
set -eu
root=$1
shift
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$@" -std=c++20 -O2 -Wall -Wextra -Wno-unknown-pragmas -Werror -ffp-contract=off -I"$root/include" -I"$root/tests" \
  -DNACRE_SOURCE_DIR="\"$root\"" "$root"/tests/{main,backend/cpu/winograd,ops/similarity}.cpp -o "$out/kernels" -ltbb
for isa in avx512 avx2; do NACRE_ISA=$isa "$out/kernels"; done
