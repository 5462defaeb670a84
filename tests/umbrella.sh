#!/usr/bin/env bash
# umbrella.sh INCLUDE_DIR COMPILER FLAG...: nacre.hpp reaches every header but those below, and none of those.
set -euo pipefail
include=$1
shift

left_out='data/(idx|gzip|png|jpeg|image_io|open|clip_folder|ffmpeg|sndfile)|eigen|fwd|nacre|backend/cuda|backend/cpu/reference'
list() { sed -n "s|.*include/nacre/\(.*\)\.hpp.*|\1|p" | grep -Ev '_(impl|body)$' | sort -u; }

reached=$(echo '#include <nacre/nacre.hpp>' | "$@" -M -x c++ - | tr ' ' '\n' | list | grep -vx nacre)
wanted=$(find "$include/nacre" -name '*.hpp' | list | grep -Evx "($left_out)")
diff <(echo "$wanted") <(echo "$reached") && echo "nacre.hpp reaches all $(wc -l <<<"$wanted") headers" || {
  echo "<: add it to include/nacre/nacre.hpp, or to the exceptions in tests/umbrella.sh   >: nacre.hpp must not reach it"
  exit 1
}
