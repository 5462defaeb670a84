#!/usr/bin/env bash
# reading_path.sh ROOT: the reading path of README.md exists, its line counts are about right, and it is short.
#
# A row of the path is "| n | [`file`](file) | lines | what |"; where it names several files, lines is their sum.
set -euo pipefail
cd "$1"
limit=2200 off_by=20

total=0 rows=0 errors=0
wrong() { echo "README.md, reading path: $1"; errors=$((errors + 1)); }
while IFS='|' read -r _ _ files stated _; do
  sum=0
  for file in $(grep -o '([^)]*)' <<<"$files" | tr -d '()'); do
    if [ -f "$file" ]; then sum=$((sum + $(wc -l <"$file"))); else wrong "$file is not in the tree"; fi
  done
  difference=$((sum - stated))
  [ ${difference#-} -le $off_by ] || wrong "$files: $sum lines, not $((stated))"
  total=$((total + sum)) rows=$((rows + 1))
done < <(grep -E '^\| [0-9]+ \|' README.md)

[ $rows -ge 10 ] || wrong "$rows rows"
[ $total -le $limit ] || wrong "$total lines are more than $limit"
echo "reading path: $rows rows, $total lines"
exit $((errors > 0))
