#!/usr/bin/env bash
# Every command does what it is for, and its files have their names and forms.
. "$(dirname "${BASH_SOURCE[0]}")/helpers.inc"
pictures a.npy 200 16 16 3
npy_shape() { head -c 128 "$1" | tr -d '\0' | grep -aoE "\([0-9, ]+\)" | head -n 1; }

# --- help and version
expect 0 "" "$NACRE" --version
holds out.txt '^nacre [0-9]+\.[0-9]+\.[0-9]+$'
for command in "" pretrain probe embed report preview inspect doctor; do
  expect 0 "" "$NACRE" $command --help
  holds out.txt "--help"
  [ -z "$command" ] || expect 0 "" "$NACRE" $command --version
done
expect 0 "" "$NACRE" pretrain --help
for word in '--epochs INT.*=100' '--temperature FLOAT.*=the method' '--config' '--stop-on-collapse'; do holds out.txt "$word"; done
holds out.txt '^Usage: .*nacre pretrain'
tr -s ' \n' ' ' <out.txt >help.txt
for word in 'pirl, npid, cmc: weight of a memory row' 'moco, moco-v2, moco-v3: of the key encoder' \
  'all but jigsaw, rotnet, supervised: divides the cosine'; do holds help.txt "$word"; done
expect 0 "" "$NACRE" --help
holds out.txt '^Usage: .*nacre \[OPTIONS\] SUBCOMMAND'
expect 0 "" "$NACRE" experiment --help
for word in methods values; do holds out.txt "--$word .*"; done
grep -q '=\[\]' out.txt && fail "an empty default is shown"
expect 0 "" "$NACRE" doctor
holds out.txt "^instruction set +(baseline|avx2|avx512)"
holds out.txt "^promised here"

# --- pretrain
NO_COLOR=1 expect 0 "" "$NACRE" pretrain --data npy:a.npy --width 2 --image-size 16 --dim 8 --negatives 20 --batch 16 --epochs 2 --out run
holds out.txt "loss of an encoder that tells nothing apart: 3.04"
holds out.txt "^below, loss is a running mean, spread .* 1 is healthy, 0 collapsed$"
holds out.txt "^sha256 of the encoder: $(sum run/encoder.safetensors)$"
holds err.txt "epoch 2/2, step 24/24 \(100 %\)"
grep -q "$(printf '\033')" out.txt err.txt && fail "colours outside a terminal"
for name in config.json env.json metrics.jsonl checkpoint.safetensors checkpoint.prev.safetensors encoder.safetensors; do
  [ -s "run/$name" ] || fail "no run/$name"
done
holds run/config.json '"fingerprint":"[0-9a-f]{16}"'
holds run/env.json '"command":"[^"]*pretrain'
same 24 "$(wc -l <run/metrics.jsonl)" "lines of metrics"
for key in epoch step loss lr samples_per_s std alignment uniformity effective_rank; do holds run/metrics.jsonl "\"$key\":"; done
holds run/metrics.jsonl '"step":1,.*"lr":0.0(6|60000|59999)[0-9]*,' # the rate that was used, not the next one
awk -F'"lr":' '{ split($2, a, ","); if (a[1] <= 0) exit 1 }' run/metrics.jsonl || fail "a rate that is not positive"

expect 0 "" train quiet --epochs 1
[ ! -s out.txt ] && [ ! -s err.txt ] || fail "--quiet speaks"
expect 0 "" "$NACRE" pretrain --data npy:a.npy --width 2 --image-size 16 --dim 8 --negatives 20 --batch 16 --epochs 1 --json --out json
[ ! -s err.txt ] || fail "--json writes to stderr"
grep -vqE '^\{.*\}$' out.txt && fail "--json: a line that is no object"
same 13 "$(wc -l <out.txt)" "objects of --json"
holds out.txt '^\{"finished":true,"encoder":"json/encoder.safetensors","sha256":"[0-9a-f]{64}"\}$'
cmp -s quiet/encoder.safetensors json/encoder.safetensors || fail "--json or --quiet changes the result"
# A program that stops listening does not stop the training's files from being whole.
"$NACRE" pretrain --data npy:a.npy $tiny --json --out pipe 2>/dev/null | head -n 1 >/dev/null
"$NACRE" pretrain --out pipe --resume --quiet || fail "after a broken pipe"
"$NACRE" pretrain --data npy:a.npy $tiny --out pipe2 >&- || fail "with stdout closed"

# --- inspect
expect 0 "" "$NACRE" inspect run/encoder.safetensors
holds out.txt '^conv1.weight +F32 +\[2, 3, 3, 3\]'
holds out.txt '^metadata model: resnet18$'
holds out.txt '^metadata image_size: 16$'
expect 0 "" "$NACRE" inspect a.npy
holds out.txt 'U8 +\[200, 16, 16, 3\] +0 +255'

# --- embed: a run and its weights are one encoder
expect 0 "" "$NACRE" embed --run run --data npy:a.npy --out run.npy
same "(200, 16)" "$(npy_shape run.npy)" "shape of the rows"
expect 0 "" "$NACRE" embed --weights run/encoder.safetensors --data npy:a.npy --out weights.npy
cmp run.npy weights.npy || fail "--run and --weights differ"
expect 0 "" "$NACRE" embed --weights run/encoder.safetensors --model resnet18 --stem cifar --width 2 --image-size 16 --data npy:a.npy --out again.npy
cmp run.npy again.npy || fail "what the file says, said again"
expect 0 "" "$NACRE" embed --run run --data npy:a.npy --out mean.npy --mean 0.5 --std 0.25
cmp -s run.npy mean.npy && fail "--mean and --std do nothing"
expect 0 "" "$NACRE" embed --run run --data npy:a.npy --layer layer1 --out layer1.npy
same "(200, 512)" "$(npy_shape layer1.npy)" "shape of layer1"
expect 0 "" "$NACRE" inspect run.npy
holds out.txt ' 0$'

# --- preview
expect 0 "" "$NACRE" preview --data npy:a.npy --out views.png --count 3
same "89504e470d0a1a0a" "$(head -c 8 views.png | od -An -tx1 | tr -d ' \n')" "the signature of a PNG"
expect 0 "" "$NACRE" preview --method npid --data npy:a.npy --out views2.png --count 3

# --- probe and report, on labelled pictures with a test split
labelled idx 120 40
# shellcheck disable=SC2086
"$NACRE" pretrain --data fashion-mnist:idx $tiny --out labelled || fail "a run on IDX files"
expect 0 "" "$NACRE" report labelled
expect 0 "" "$NACRE" probe --run labelled --layers last --epochs 2 --json copy.json
cmp labelled/probe.json copy.json || fail "--json FILE is a copy"
holds copy.json '^\{"knn":\{"k":[0-9]+,"temperature":0.1,"top1":[0-9.]+\},"linear":\{"pool":[0-9.]+\},"baselines":'
expect 0 "" "$NACRE" probe --run labelled --epochs 2 --quiet
[ ! -s out.txt ] || fail "probe --quiet speaks"
for name in stem layer1 layer2 layer3 layer4 pool; do holds labelled/probe.json "\"$name\":"; done
expect 0 "" "$NACRE" report labelled
for word in '<svg' 'data:image/png;base64' '</html>'; do holds labelled/report.html "$word"; done
grep -qE '<script|(src|href)="?https?:' labelled/report.html && fail "the page runs or fetches something"
expect 0 "" "$NACRE" report labelled run --out both.html
holds both.html '</html>'

# --- CMC's pair of encoders goes where a ResNet goes
coloured cifar
# shellcheck disable=SC2086
"$NACRE" pretrain --method cmc --data cifar10:cifar $tiny --out pair || fail "a run of CMC"
expect 0 "" "$NACRE" inspect pair/encoder.safetensors
holds out.txt '^luma.conv1.weight +F32 +\[2, 1, 3, 3\]'
holds out.txt '^chroma.conv1.weight +F32 +\[2, 2, 3, 3\]'
expect 0 "" "$NACRE" probe --run pair --epochs 2 --quiet
for name in stem layer1 layer2 layer3 layer4 pool; do holds pair/probe.json "\"$name\":"; done
expect 0 "" "$NACRE" report pair
holds pair/report.html '</html>'
expect 0 "" "$NACRE" embed --run pair --data cifar10:cifar --out run.npy
same "(144, 32)" "$(npy_shape run.npy)" "shape of a pair's rows"
expect 0 "" "$NACRE" embed --weights pair/encoder.safetensors --width 2 --data cifar10:cifar --out weights.npy
cmp run.npy weights.npy || fail "a pair: --run and --weights differ"
expect 3 "1 channels, the encoder takes 3" "$NACRE" embed --run pair --data fashion-mnist:idx --out none.npy
finish
