#!/usr/bin/env bash
# readme.sh ROOT COMPILER FLAG...: the whole programs in README.md compile, and the files it links to are there.
set -euo pipefail
cd "$1"
shift
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

errors=0
awk -v to="$scratch" '/^```cpp/ { file = to "/" ++n ".cpp"; next } /^```/ { file = "" } file { print > file }' README.md
programs=$(grep -l 'int main' "$scratch"/*.cpp)
for program in $programs; do
  "$@" -Wall -Wextra -Wshadow -Werror -fsyntax-only "$program" || { cat "$program"; errors=$((errors + 1)); }
done
links=$(grep -ohE '\]\([^)#:]+\)' README.md include/nacre/README.md | tr -d ']()' | sort -u)
for link in $links; do
  [ -e "$link" ] || { echo "README.md links to $link, which is not there"; errors=$((errors + 1)); }
done
echo "README.md: $(wc -w <<<"$programs") programs, $(wc -w <<<"$links") links, $errors errors"
exit $((errors > 0))
