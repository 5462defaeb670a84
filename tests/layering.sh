#!/usr/bin/env bash
# layering.sh INCLUDE_DIR: the rules of the include tree, read from the files themselves.
#
#   core <- math <- backend <- io <- data <- autograd <- ops <- nn
#     <- { models losses pretext bank optim eval } <- methods <- train
#
# A header includes its own folder and folders to its left. Umbrellas at the top (nacre.hpp, eigen.hpp) may include
# anything. Library headers stay in their quarantine; a header has at most 400 lines of at most 120 columns and opens
# with a comment.
set -euo pipefail
cd "$1/nacre"

find . -name '*.hpp' -printf '%P\n' | sort | LC_ALL=C xargs awk '
  BEGIN {
    layers = split("core math backend io data autograd ops nn", left, " ")
    for (i = 1; i <= layers; ++i) rank[left[i]] = i
    n = split("models losses pretext bank optim eval", middle, " ")
    for (i = 1; i <= n; ++i) rank[middle[i]] = layers + 1
    rank["methods"] = layers + 2
    rank["train"] = layers + 3
  }
  function wrong(what) { printf "include/nacre/%s:%d: %s\n", FILENAME, FNR, what; ++errors }
  # A fragment, included several times with other macros, has no #pragma once and is named *_body.hpp.
  function finish() {
    if (once != (file ~ /_body\.hpp$/)) return
    printf "include/nacre/%s: #pragma once, or the name *_body.hpp\n", file
    ++errors
  }
  FNR == 1 {
    ++files
    folder = FILENAME; top = !sub(/\/.*/, "", folder)
    impl = FILENAME ~ /_impl\.hpp$/
    if (!top && !(folder in rank)) wrong("folder " folder " has no place in the order")
    if ($0 !~ /^\/\/ ./) wrong("does not open with a comment that says what it is")
  }
  FNR == 1 && file { finish() }
  FNR == 1 { file = FILENAME; once = 0 }
  /^#pragma once/ { once = 1 }
  length($0) > 120 {
    line = $0
    gsub(/[\200-\277]/, "", line)  # a character of UTF-8 is one column
    if (length(line) > 120) wrong("more than 120 columns")
  }
  FNR == 401 { wrong("more than 400 lines: it is two ideas") }
  /^[ \t]*#[ \t]*include/ {
    target = $0
    sub(/^[^<"]*/, "", target)
    if (target ~ /^"/) wrong("includes are root-relative: <nacre/...>")
    sub(/^[<"]/, "", target); sub(/[>"].*/, "", target)
    if (target ~ /^(iostream|regex|format|mdspan)$/) wrong("<" target "> is too heavy for a header")
    if (target ~ /^(CLI\/|thrust\/|cub\/)/) wrong("<" target "> has no place in the library")
    if (target ~ /^(cuda|cublas|cudnn)/) wrong("CUDA headers belong in cuda/")
    if (target ~ /^(oneapi\/|tbb\/|libav|libsw|sndfile\.h|zlib\.h|png\.h|jpeglib\.h|jerror\.h)/ && !impl)
      wrong("<" target "> belongs in an _impl.hpp")
    if (target ~ /^(Eigen|unsupported\/Eigen)\// && !impl && FILENAME != "eigen.hpp")
      wrong("<" target "> belongs in an _impl.hpp or in eigen.hpp")
    if (target ~ /^nacre\// && !top) {
      to = substr(target, 7)
      if (to ~ /\//) {
        sub(/\/.*/, "", to)
        if (!(to in rank)) wrong("<" target ">: folder " to " has no place in the order")
        else if (to != folder && rank[to] >= rank[folder])
          wrong(folder " must not include " to " (<" target ">)")
      } else if (to != "fwd.hpp" && to != "eigen.hpp") wrong("<" target "> is an umbrella: include what is used")
    }
  }
  END {
    if (file) finish()
    if (files == 0) { print "no headers found"; exit 1 }
    printf "%d headers, %d violations\n", files, errors
    exit errors > 0
  }'
