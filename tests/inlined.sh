#!/usr/bin/env bash
# inlined.sh LIBRARY: what simd::run, blocks and fused compile for an instruction set calls nothing of nacre, for the
# function it would call is compiled without that instruction set: the results are the same, and several times slower.
# g++ leaves out some lambdas where `flatten` asks for them; `always_inline` on the lambda mends it.
set -euo pipefail

objdump -dr --no-show-raw-insn -C "$1" | awk '
  /^[0-9a-f]+ <.*>:$/ { name = $0; inside = /nacre::backend::simd::(run|blocks|fused)_avx/; functions += inside }
  inside && /R_X86_64_(PLT32|PC32)/ && /nacre::/ && last ~ /[^a-z](call|jmp) / {
    printf "%s\n  calls %s\n", name, $0
    ++errors
  }
  { last = $0 }
  END {
    printf "%d functions checked, %d calls\n", functions, errors
    exit errors > 0 || functions == 0
  }'
