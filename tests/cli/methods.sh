#!/usr/bin/env bash
# Every method: the same bits with one thread and three, and after kill -9 in the middle and --resume.
. "$(dirname "${BASH_SOURCE[0]}")/helpers.inc"
pictures a.npy 200 16 16 3
{ npy_header '<i8' '200,' && for i in $(seq 200); do printf "\\x0$((i % 5))\\0\\0\\0\\0\\0\\0\\0"; done; } >labels.npy
data=npy:a.npy,labels.npy
bare="--data $data --width 2 --image-size 16 --batch 16 --quiet"
options="$bare --epochs 8 --save-every 1 --log-every 4"
own() { # METHOD: small values of options that not every method has
  case $1 in
    pirl | npid | cmc) echo "--dim 8 --negatives 20" ;;
    moco | moco-v2) echo "--dim 8 --negatives 20 --groups 2" ;;
    jigsaw) echo "--dim 8 --permutations 10" ;;
    simclr | supcon | moco-v3) echo "--dim 8" ;;
  esac
}
methods=$("$NACRE" pretrain --help | sed -n 's/.*--method TEXT:{\([^}]*\)}.*/\1/p' | tr , ' ')
[ "$(wc -w <<<"$methods")" -ge 10 ] || fail "the methods are not listed: $methods"
sums() { echo "$(sum "$1/encoder.safetensors") $(sum "$1/checkpoint.safetensors")"; }

all= runs=0 ended=0
for line in $methods pirl:--pretext=rotation pirl:--pretext=jigsaw-rotation simclr:--beta=1:--tau-plus=0.1 \
  simclr:--chunk=5 supcon:--chunk=8:--norm=layer \
  moco:--hardest=5 moco-v2:--mochi moco-v3:--hardest=3 simclr:--norm=group cmc:--loss=nce_constant cmc:--beta=1; do
  method=${line%%:*} more="$(own "${line%%:*}") $(cut -s -d: -f2- <<<"$line" | tr : ' ')"
  rm -rf one three killed
  # shellcheck disable=SC2086
  for threads in 1 3; do
    "$NACRE" pretrain --method "$method" $options $more --out t$threads --threads $threads || fail "$line"
  done
  same "$(sums t1)" "$(sums t3)" "$line with three threads"
  if [ "$line" = "$method" ]; then
    "$NACRE" report t1 >out.txt || fail "$line: report"
    holds t1/report.html "The task of $method: "
  fi
  set -m
  # shellcheck disable=SC2086
  "$NACRE" pretrain --method "$method" $options $more --out killed 2>err.txt &
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

expect 3 "learns from labels" "$NACRE" pretrain --method supcon --data npy:a.npy --out none
# shellcheck disable=SC2086
{
  expect 2 "mochi is for moco and moco-v2, not simclr" "$NACRE" pretrain --method simclr --mochi $bare --out none
  expect 2 "chunk is for simclr and supcon, not pirl" "$NACRE" pretrain --chunk 8 $bare --out none
  expect 2 "beta is for .*moco-v3, cpc, cmc and supcon, not jigsaw" \
    "$NACRE" pretrain --method jigsaw --beta 1 $bare --out none
  expect 2 "include-self is for pirl and npid, not cmc" "$NACRE" pretrain --method cmc --include-self $bare --out none
  for line in simclr:--negatives=7 rotnet:--dim=8 npid:--lambda=0 cpc:--head=mlp jigsaw:--pretext=rotation \
    supervised:--temperature=1 moco:--bank-init=random moco-v3:--groups=2; do
    option=${line#*:}
    expect 2 "${option%=*} is for .*, not ${line%%:*}" "$NACRE" pretrain --method ${line%%:*} $option $bare --out none
  done
  expect 2 "momentum is for --optimizer sgd and lars" \
    "$NACRE" pretrain --optimizer adamw --momentum 0.5 $bare --out none
  expect 2 "chunk 1 leaves batch norm nothing" "$NACRE" pretrain --method simclr --chunk 1 $bare --out none
  expect 2 "a group needs two pictures" "$NACRE" pretrain --method moco --groups 9 $bare --out none
  expect 2 "need --loss info_nce" "$NACRE" pretrain --loss nce_paper --hardest 3 $bare --out none
  for method in pirl jigsaw; do
    expect 2 "patches of one pixel" "$NACRE" pretrain --method $method $bare --image-size 5 --out none
  done
  expect 2 "patches of one pixel" "$NACRE" preview --method cpc --data $data --image-size 7 --out none.png
  expect 2 "does not fit" "$NACRE" pretrain $bare --negatives 20 --image-size 2 --out none
}
pictures grey.npy 200 16 16 1
# shellcheck disable=SC2086
{
  expect 3 "are grey" "$NACRE" pretrain --method cmc --data npy:grey.npy $tiny --out none
  expect 3 "npy:grey.npy are grey" "$NACRE" preview --method cmc --data npy:grey.npy --out none.png
  expect 2 "need --loss info_nce" \
    "$NACRE" pretrain --method cmc --loss nce_constant --ring 0.1 --data $data $tiny --out none
  expect 2 "cmc needs --loss" "$NACRE" pretrain --method cmc --loss nce_paper --data $data $tiny --out none
}
[ ! -e none ] && [ ! -e none.png ] || fail "what was refused leaves something"
# A queue longer than the set is trained on, with a word.
# shellcheck disable=SC2086
expect 0 "warning: a queue of 201 keys holds some of the 200 pictures twice" \
  "$NACRE" pretrain --method moco $bare --negatives 201 --epochs 1 --out long
# shellcheck disable=SC2086
expect 0 "" "$NACRE" pretrain --method moco $bare --negatives 200 --epochs 1 --out whole
[ ! -s err.txt ] || fail "a queue as long as the set: $(cat err.txt)"
finish
