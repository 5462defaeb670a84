#!/usr/bin/env bash
# nacre experiment: the runs, the table, and that the same command continues what was interrupted.
. "$(dirname "${BASH_SOURCE[0]}")/helpers.inc"
labelled idx 120 40
base="--data fashion-mnist:idx $tiny --probe-epochs 1"
puzzles="$base --permutations 10"

# --- layers, two methods, two seeds
# shellcheck disable=SC2086
expect 0 "" "$NACRE" experiment layers $puzzles --methods jigsaw,pirl --seeds 2 --out layers
for run in jigsaw-seed1 jigsaw-seed2 pirl-seed1 pirl-seed2; do
  [ -s "layers/$run/probe.json" ] || fail "$run was not probed"
done
holds layers/table.md '^\|  \| epochs \| kNN % \| linear stem % \| linear layer1 % \| linear layer2 % \| linear layer3 % \| linear layer4 % \| linear pool % \| minutes \|$'
for row in jigsaw pirl untrained; do holds layers/table.md "^\| $row \|"; done
holds layers/table.md ' ± '
holds layers/report.html '<svg'
holds layers/report.html 'Trained on 120 pictures of fashion-mnist:idx, 16 pixels; resnet18 of width 2 for 2 epochs, batches of 16;'
grep -qE '<script|(src|href)="?https?:' layers/report.html && fail "the page runs or fetches something"
same "$(grep -o '"random_knn":[0-9.]*' layers/jigsaw-seed1/probe.json)" "$(grep -o '"random_knn":[0-9.]*' layers/pirl-seed1/probe.json)" "the untrained network"

# --- interrupted: the run that was cut short is finished, the others are left alone
before=$(state layers/pirl-seed2) sums=$(sum layers/jigsaw-seed1/encoder.safetensors)
rm layers/jigsaw-seed1/encoder.safetensors layers/jigsaw-seed1/probe.json layers/table.md
# shellcheck disable=SC2086
expect 0 "" "$NACRE" experiment layers $puzzles --methods jigsaw,pirl --seeds 2 --out layers
same "$before" "$(state layers/pirl-seed2)" "a finished run"
same "$sums" "$(sum layers/jigsaw-seed1/encoder.safetensors)" "the encoder of the continued run"
[ -s layers/table.md ] || fail "no table"
# shellcheck disable=SC2086
expect 2 "started with other options: --width" "$NACRE" experiment layers $puzzles --width 3 --methods jigsaw,pirl --out layers

# shellcheck disable=SC2086
expect 2 "started with other options" "$NACRE" experiment layers $base --methods jigsaw,pirl --out layers

# --- a probe of another protocol is made anew, and a torn one
"$NACRE" probe --run layers/jigsaw-seed1 --layers last --epochs 2 --quiet || fail "a probe"
truncate -s 100 layers/pirl-seed2/probe.json
# shellcheck disable=SC2086
expect 0 "" "$NACRE" experiment layers $puzzles --methods jigsaw,pirl --seeds 2 --out layers
holds layers/jigsaw-seed1/probe.json '"layer1":'
same "$before" "$(state layers/pirl-seed2)" "a run with a torn probe"

# --- a signal ends it, too where the training has ended and only the encoder is to be written
set -m # job control: a background job of a script would ignore SIGINT
# shellcheck disable=SC2086
"$NACRE" experiment layers $puzzles --epochs 1 --methods jigsaw,pirl --out signal 2>err.txt &
pid=$!
set +m
wait_for test -e signal/jigsaw-seed1/checkpoint.safetensors # the only one: after the last step
kill -INT $pid
wait $pid
same 130 $? "code of SIGINT"
[ ! -e signal/pirl-seed1 ] || fail "the next run has begun after SIGINT"
# shellcheck disable=SC2086
expect 0 "" "$NACRE" experiment layers $puzzles --epochs 1 --methods jigsaw,pirl --out signal
holds signal/report.html 'of width 2 for 1 epoch, batches of 16;.* Where a method has the option: negatives 20, dim 8, permutations 10. Probed for 1 epoch '
grep -o '<polyline class="[^"]*"' signal/report.html | tail -n 1 | grep -q 'line baseline"' || fail "the untrained line is not grey"

# --- what would stop it is found before it begins
pictures a.npy 200 16 16 1
# shellcheck disable=SC2086
{
  expect 3 "has no labels" "$NACRE" experiment layers --data npy:a.npy $tiny --out none
  expect 2 "negatives-4096 needs more pictures than the 120 of fashion-mnist:idx; name smaller --values" \
    "$NACRE" experiment negatives --data fashion-mnist:idx --values 20,4096 --out none
  "$NACRE" experiment --help | tr -s '\n ' ' ' | grep -q 'invariance: of jigsaw,pirl; .*lambda: instead of 0,0.25,0.5,0.75,1;' ||
    fail "--help does not name what is compared"
  expect 2 "lambda-2 is out of range: lambda goes from 0 to 1" "$NACRE" experiment lambda $base --values 0,2 --out none
  expect 2 "values is for the sweeps" "$NACRE" experiment layers $base --values 50 --out none
  expect 2 "not the sweep lambda" "$NACRE" experiment lambda $base --methods pirl --out none
  expect 2 "lambda is swept" "$NACRE" experiment lambda $base --lambda 0.3 --out none
  expect 2 "chunk is for simclr and supcon, not experiment layers" \
    "$NACRE" experiment layers $base --methods jigsaw,pirl --chunk 8 --out none
  expect 2 "64.7: negatives are counted; give whole numbers" \
    "$NACRE" experiment negatives --data fashion-mnist:idx --values 10,64.7 --out none
  expect 2 "permutations-10 is asked for twice; name each of --values once" \
    "$NACRE" experiment permutations $base --values 10,20,1e1 --out none
  expect 2 "pirl is asked for twice; name each of --methods once" \
    "$NACRE" experiment layers $base --methods pirl,pirl --out none
}
[ ! -e none ] || fail "a refused experiment leaves a directory"

# --- what is not an experiment's is not replaced
mkdir mine && echo "<title>Mine</title>" >mine/report.html
# shellcheck disable=SC2086
{
  expect 2 "layers/pirl-seed1 holds a run" "$NACRE" experiment layers $base --out layers/pirl-seed1
  expect 2 "mine/report.html is not of an experiment" "$NACRE" experiment layers $base --out mine
  mv mine/report.html mine/table.md
  expect 2 "mine/table.md is not of an experiment" "$NACRE" experiment layers $base --out mine
}
same "<title>Mine</title>" "$(cat mine/*)" "what lies in mine"

# --- the other kinds
# shellcheck disable=SC2086
{
  expect 0 "" "$NACRE" experiment invariance $puzzles --seeds 2 --out invariance
  expect 0 "" "$NACRE" experiment lambda $base --values 0,1 --out lambda
  expect 0 "" "$NACRE" experiment pairs $base --groups 2 --epochs 3 --methods pirl,npid,moco --out pairs
}
holds invariance/table.md '^\| jigsaw (\| [0-9.]+ ± [0-9.]+ ){3}\| - \| - (\| [0-9.]+ ± [0-9.]+ ){2}\|$'
holds invariance/table.md '^\| pirl (\| [0-9.]+ ± [0-9.]+ ){7}\|$'
holds invariance/report.html 'jigsaw, untrained'
holds invariance/report.html 'lie nearer; seed 1\.'
holds lambda/report.html 'PIRL runs that differ in lambda alone'
awk -F'|' '/^. (jigsaw|pirl) / && $3 == $5 { exit 1 }' invariance/table.md || fail "training has not moved a head"
holds lambda/lambda-0-seed1/config.json '"lambda":0,'
holds lambda/lambda-1-seed1/config.json '"lambda":1,'
# PIRL sees a picture and nine patches of 4 of its 16 pixels a side: 1.56 pictures a sample; MoCo one and a third
holds pairs/npid-seed1/config.json '"epochs":5,'
holds pairs/moco-seed1/config.json '"epochs":4,'
expect 2 "" "$NACRE" experiment other --out none

# --- two networks see a picture in CMC, and an untrained pair is not an untrained ResNet
coloured cifar
# shellcheck disable=SC2086
expect 0 "" "$NACRE" experiment pairs --data cifar10:cifar $tiny --probe-epochs 1 --epochs 3 --methods pirl,cmc \
  --out colours
holds colours/table.md '^\| untrained, batch norm, a pair \|'
holds colours/cmc-seed1/config.json '"epochs":2,'
holds colours/table.md '^\| cmc \|'
untrained() { grep -o '"random_linear":{[^}]*}' "colours/$1-seed1/probe.json"; }
[ "$(untrained pirl)" != "$(untrained cmc)" ] || fail "CMC was given the untrained network of PIRL"
finish
