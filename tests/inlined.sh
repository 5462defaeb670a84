#!/usr/bin/env bash
# inlined.sh OBJECT...: what simd::run, blocks and fused compile for an instruction set calls nothing else of this code,
# for the function it would call is compiled without that instruction set: the same results, up to hundreds of times
# slower. g++ leaves out some lambdas where `flatten` asks for them; NACRE_INLINED on the lambda mends it.
# Calls are read off relocations: local functions (clones) are named by their section.
set -euo pipefail

objdump -dr --no-show-raw-insn -C "$@" | awk '
  /^[0-9a-f]+ <.*>:$/ { name = $0; inside = /nacre::backend::simd::(run|blocks|fused)_avx/; functions += inside }
  /R_X86_64_(PLT32|PC32)/ && last ~ /[^a-z](call|jmp)q? / {
    ++calls
    if (inside && /nacre::|[ \t]\.text/) {
      printf "%s\n  calls %s\n", name, $0
      ++errors
    }
  }
  { last = $0 }
  END {
    printf "%d functions checked, %d of %d calls leave them\n", functions, errors, calls
    exit errors > 0 || functions == 0 || calls == 0
  }'
