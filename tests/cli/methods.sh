#!/usr/bin/env bash
# Every method: the same bits with one thread and three, and after kill -9 in the middle and --resume.
. "$(dirname "${BASH_SOURCE[0]}")/helpers.inc"
pictures a.npy 200 16 16 3
{ npy_header '<i8' '200,' && for i in $(seq 200); do printf "\\x0$((i % 5))\\0\\0\\0\\0\\0\\0\\0"; done; } >labels.npy
data=npy:a.npy,labels.npy
options="$tiny --epochs 8 --save-every 1 --log-every 4 --permutations 10 --groups 2"
methods=$("$NACRE" pretrain --help | sed -n 's/.*--method TEXT:{\([^}]*\)}.*/\1/p' | tr , ' ')
[ "$(wc -w <<<"$methods")" -ge 10 ] || fail "the methods are not listed: $methods"
sums() { echo "$(sum "$1/encoder.safetensors") $(sum "$1/checkpoint.safetensors")"; }

all= runs=0 ended=0
for line in $methods pirl:--pretext=rotation pirl:--pretext=jigsaw-rotation simclr:--beta=1:--tau-plus=0.1 \
  simclr:--chunk=5 supcon:--chunk=8:--norm=layer \
  moco:--hardest=5 moco-v2:--mochi moco-v3:--hardest=3 simclr:--norm=group cmc:--loss=nce_constant cmc:--beta=1; do
  method=${line%%:*} more=$(cut -s -d: -f2- <<<"$line" | tr : ' ')
  rm -rf one three killed
  # shellcheck disable=SC2086
  for threads in 1 3; do
    "$NACRE" pretrain --method "$method" --data $data $options $more --out t$threads --threads $threads || fail "$line"
  done
  same "$(sums t1)" "$(sums t3)" "$line with three threads"
  set -m
  # shellcheck disable=SC2086
  "$NACRE" pretrain --method "$method" --data $data $options $more --out killed 2>err.txt &
  pid=$!
  set +m
  wait_for [ -e killed/checkpoint.prev.safetensors ]
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
  runs=$((runs + 1))
  [ ! -e killed/encoder.safetensors ] || ended=$((ended + 1))
  "$NACRE" pretrain --out killed --resume --quiet || fail "$line: resume"
  same "$(sums t1)" "$(sums killed)" "$line after a kill"
  all="$all$(sum t1/encoder.safetensors)\n"
  rm -rf t1 t3 killed
done
[ "$(printf '%b' "$all" | sort -u | wc -l)" -eq "$(printf '%b' "$all" | wc -l)" ] || fail "two methods train the same encoder"
[ $((4 * ended)) -le $runs ] || fail "$ended of $runs runs had ended before they were killed"

expect 3 "learns from labels" "$NACRE" pretrain --method supcon --data npy:a.npy $tiny --out none
# shellcheck disable=SC2086
{
  expect 2 "mochi is for moco" "$NACRE" pretrain --method simclr --mochi --data $data $tiny --out none
  expect 2 "chunk is for simclr and supcon, not pirl" "$NACRE" pretrain --chunk 8 --data $data $tiny --out none
  expect 2 "chunk 1 leaves batch norm nothing" "$NACRE" pretrain --method simclr --chunk 1 --data $data $tiny --out none
  expect 2 "a group needs two pictures" "$NACRE" pretrain --method moco --groups 9 --data $data $tiny --out none
  expect 2 "no choice of negatives" "$NACRE" pretrain --method jigsaw --beta 1 --data $data $tiny --out none
  expect 2 "need --loss info_nce" "$NACRE" pretrain --loss nce_paper --hardest 3 --data $data $tiny --out none
}
pictures grey.npy 200 16 16 1
# shellcheck disable=SC2086
{
  expect 3 "are grey" "$NACRE" pretrain --method cmc --data npy:grey.npy $tiny --out none
  expect 2 "need --loss info_nce" \
    "$NACRE" pretrain --method cmc --loss nce_constant --ring 0.1 --data $data $tiny --out none
  expect 2 "cmc needs --loss" "$NACRE" pretrain --method cmc --loss nce_paper --data $data $tiny --out none
}
[ ! -e none ] || fail "a refused run leaves a directory"
finish
