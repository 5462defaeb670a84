#!/usr/bin/env bash
# headers.sh INCLUDE_DIR EIGEN_DIR COMPILER FLAG...: every header compiles alone, without a warning:
#
#   header-only   with Eigen in the include path
#   compiled      (NACRE_COMPILED) without it, and without reading one file of oneTBB, zlib, libpng or libjpeg
#
# FFmpeg's and libsndfile's headers are optional: without them data/ffmpeg.hpp or data/sndfile.hpp is not checked
# header-only.
# Headers named *_impl.hpp belong to the library alone and are checked in the first mode only; *_body.hpp are fragments
# that another header includes several times, and are checked there.
set -euo pipefail
include=$1 eigen=$2
shift 2
export compile="$*" eigen
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
missing=
for library in ffmpeg:libavformat/avformat.h sndfile:sndfile.h; do
  echo "#include <${library#*:}>" | $compile -fsyntax-only -x c++ - 2>"$scratch/missing" ||
    missing+="|nacre/data/${library%:*}*"
done
export scratch missing

check() {
  header=$1
  name=${header//\//_}
  failed=0
  if [[ $header == @(none$missing) ]]; then
    echo "skipped header-only: $header"
  elif ! echo "#include <$header>" | $compile -isystem "$eigen" -fsyntax-only -x c++ -; then
    echo "FAILED header-only: $header"
    failed=1
  fi
  case $header in *_impl.hpp | nacre/eigen.hpp) return $failed ;; esac
  if ! echo "#include <$header>" | $compile -DNACRE_COMPILED -fsyntax-only -MD -MF "$scratch/$name" -x c++ -; then
    echo "FAILED compiled: $header"
    failed=1
  elif grep -E '/(Eigen|tbb|oneapi)/|/(zlib|png|jpeglib|avformat|swscale|sndfile)\.h( |$)' "$scratch/$name"; then
    echo "FAILED compiled: $header reads the headers above, which its users need not have"
    failed=1
  fi
  return $failed
}
export -f check

find "$include" -name '*.hpp' ! -name '*_body.hpp' -printf '%P\n' | sort >"$scratch/headers"
xargs -P "$(nproc)" -I{} bash -c 'check {}' <"$scratch/headers" && failed=0 || failed=1
echo "$(wc -l <"$scratch/headers") headers checked"
exit $failed
