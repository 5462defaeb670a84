#!/usr/bin/env bash
# Bad input gets one message and the exit code of its kind; nothing that existed is lost, nothing half-made is left.
. "$(dirname "${BASH_SOURCE[0]}")/helpers.inc"
pictures a.npy 200 16 16 1
pictures few.npy 10 16 16 1
pictures one.npy 1 16 16 1
train good --epochs 1 || fail "a good run"
before=$(state good)

# --- usage: 2
expect 2 "command|subcommand" "$NACRE"
expect 2 "unknown word pretrian, did you mean pretrain\?" "$NACRE" pretrian
expect 2 "unknown option --epoch, did you mean --epochs\?" "$NACRE" pretrain --epoch 3
expect 2 "unknown option --foo; see nacre pretrain --help" "$NACRE" pretrain --foo
expect 2 "[^n]; see nacre pretrain --help" train new --epochs many
expect 2 "unknown option --learning-rate-of-the-moon; see nacre pretrain --help" "$NACRE" pretrain --learning-rate-of-the-moon
expect 2 "--out is required" "$NACRE" pretrain --data npy:a.npy
expect 2 "--data" "$NACRE" pretrain --out new
expect 2 "seed" train new --seed abc
for bad in --epochs=0 --batch=0 --batch=1 --batch=1.5 --momentum=1 --width=0 --lr=nan --lr=-1 --lambda=2 --temperature=0 --method=other \
  --model=resnet19 --threads=-1 --mean=1,2 --std=red --std=0 --std=nan --batch=99999999999999999999; do
  expect 2 "${bad%%=*}|${bad:2:3}" train new "$bad"
done
expect 2 "batch 201 is more than the 200 pictures of npy:a.npy; lower --batch" train new --batch 201
expect 2 "batch 16 is more than the 15 pictures of --limit; lower --batch" train new --limit 15
expect 2 "negatives 200 is not below the 200 pictures of npy:a.npy" train new --negatives 200
expect 2 "negatives 200 is not below the 200 pictures" train new --negatives 200 --include-self
expect 2 "batch 16 is more than the 10" "$NACRE" pretrain --data npy:few.npy $tiny --out new
expect 2 "batch 16 is more than the 1 " "$NACRE" pretrain --data npy:one.npy $tiny --out new
for size in 1 2; do expect 2 "does not fit" train new --image-size "$size"; done
[ ! -e new ] || fail "a run that could not begin left its directory"

# --- config files
printf '# comment\nepochs = 1\nwidth = 3\nquiet = true\nloss = "nce_paper"\n' >c.txt
expect 0 "" "$NACRE" pretrain --config c.txt --data npy:a.npy --image-size 16 --dim 8 --negatives 20 --batch 16 --width 2 --out configured
grep -q '"width":2,.*"epochs":1,.*"loss":"nce_paper"' configured/config.json || fail "the file is read, the command line wins"
printf 'batch = 16\nepoch = 1\n' >c.txt
expect 2 "c.txt, line 2: unknown key epoch, did you mean --epochs\?" "$NACRE" pretrain --config c.txt --out new
printf 'foo = 1\n' >c.txt
expect 2 "line 1: unknown key foo$" "$NACRE" pretrain --config c.txt --out new
printf 'epochs\n' >c.txt
expect 2 "line 1: is not NAME = VALUE" "$NACRE" pretrain --config=c.txt --out new
printf 'epochs = many\n' >c.txt
expect 2 "epochs" "$NACRE" pretrain --config c.txt --out new
noise 5000 >c.txt
expect 2 "c.txt" "$NACRE" pretrain --config c.txt --out new
expect 2 "cannot read nothing" "$NACRE" pretrain --config nothing --out new
expect 2 "cannot read ." "$NACRE" pretrain --config . --out new

# --- data: 3
bad_data() { expect 3 "$1" "$NACRE" pretrain --data "$2" $tiny --out new; }
mkdir -p empty classes/train/cat bad/train/cat
bad_data "no .jpg, .jpeg or .png lies in 'empty/train/CLASS/' or 'empty/unlabeled/'" folder:empty
bad_data "no .jpg" folder:classes
bad_data "" folder:nowhere
for kind in cifar10 cifar100 stl10; do
  bad_data "there is no folder 'nowhere'; give the folder that holds" $kind:nowhere
  bad_data "'empty' holds no (test_batch|test|train_X).bin; give the folder that holds .*(train_X.bin|binary)" $kind:empty
done
bad_data "" npy:nowhere.npy
bad_data "names no place" folder
bad_data "none of" tape:x
head -c 300 a.npy >short.npy && bad_data "short.npy" npy:short.npy
head -c 40 a.npy >short.npy && bad_data "short.npy" npy:short.npy
: >short.npy && bad_data "short.npy" npy:short.npy
noise 5000 >short.npy && bad_data "short.npy" npy:short.npy
npy_header '|u1' '4000000000, 4000000000, 4000000000, 3' >liar.npy && bad_data "liar.npy" npy:liar.npy
npy_header '<f4' '10, 16, 16, 1' >float.npy && noise 10240 >>float.npy
bad_data "float.npy must be uint8 \[N, H, W, C\] .* got F32 \[10, 16, 16, 1\]" npy:float.npy
bad_data "a.npy must be int64 \[200\], one label a picture, got U8" npy:a.npy,a.npy
npy_header '<i8' '7,' >labels.npy && noise 56 >>labels.npy && bad_data "one label a picture" npy:a.npy,labels.npy
noise 2000 >bad/train/cat/a.png && bad_data "a.png" folder:bad
printf '\xff\xd8\xff\xe0\x00\x10JFIF' >bad/train/cat/a.png && mv bad/train/cat/a.png bad/train/cat/a.jpg
bad_data "a.jpg" folder:bad
expect 0 "" "$NACRE" preview --data npy:a.npy --count 2 --out whole.png
rm bad/train/cat/* && head -c 1000 whole.png >bad/train/cat/a.png && bad_data "a.png" folder:bad
# A set that stays in its files, as its headers claim 4.5 GB: broken ones show in training, and are stepped over.
mkdir -p many/train/cat
for i in $(seq 15); do { head -c 16 whole.png && printf '\0\0\x27\x10\0\0\x27\x10'; } >"many/train/cat/$i.png"; done
bad_data "none of the 15 pictures of 'train' can be decoded" folder:many
for i in $(seq 35); do ln whole.png "many/train/cat/whole$i.png"; done
expect 0 "warning: train: 15 pictures could not be read and were passed over, the first: .*1.png" \
  "$NACRE" pretrain --data folder:many $tiny --epochs 1 --out stepped
same 1 "$(grep -c '^nacre: ' err.txt)" "lines of warning"
expect 0 "passed over" "$NACRE" embed --run stepped --data folder:many --out e.npy && rm e.npy
expect 0 "passed over" "$NACRE" report stepped
mkdir idx
for name in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do noise 3000 >"idx/$name-ubyte"; done
bad_data "ubyte" fashion-mnist:idx
printf '\x00\x00\x08\x03\x7f\xff\xff\xff\x00\x00\x00\x1c\x00\x00\x00\x1c' >idx/train-images-idx3-ubyte # 2 billion pictures
bad_data "train-images" fashion-mnist:idx
printf '\x00\x00\x08\x03\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00\x02\x01' >idx/train-images-idx3-ubyte # 1 byte of 8
bad_data "train-images" fashion-mnist:idx
mkdir gz && printf 'x' | gzip >gz/train-images-idx3-ubyte.gz && head -c 15 gz/train-images-idx3-ubyte.gz >gz/cut &&
  mv gz/cut gz/train-images-idx3-ubyte.gz && bad_data "fashion_mnist: gz" fashion-mnist:gz
[ ! -e new ] || fail "a run that could not begin left its directory"

# --- runs and weights: 3
for command in probe report; do
  [ $command = probe ] && option=--run || option=
  expect 3 "holds no run" "$NACRE" $command $option nowhere
  expect 3 "holds no run" "$NACRE" $command $option empty
done
expect 3 "holds no run" "$NACRE" pretrain --resume --out nowhere
expect 3 "holds no run" "$NACRE" embed --run nowhere --data npy:a.npy --out e.npy
expect 3 "no labels" "$NACRE" probe --run good --quiet
expect 3 "no file nowhere; name an encoder.safetensors" "$NACRE" embed --weights nowhere --data npy:a.npy --out e.npy
expect 3 "checkpoint.safetensors is the checkpoint of a training; name the encoder.safetensors beside it" \
  "$NACRE" embed --weights good/checkpoint.safetensors --data npy:a.npy --out e.npy
expect 3 "no file nowhere; name a .safetensors or .npy file" "$NACRE" inspect nowhere
expect 3 "empty is a folder; name a .safetensors or .npy file" "$NACRE" inspect empty
expect 3 "a.npy: is not a safetensors file: the header's length [0-9]+ is above" \
  "$NACRE" embed --weights a.npy --data npy:a.npy --out e.npy
for file in c.txt few.npy; do
  head -c 100 $file >"bad.${file#*.}"
  expect 3 "bad" "$NACRE" inspect "bad.${file#*.}"
  [ ! -s out.txt ] || fail "inspect prints before it has read: $(cat out.txt)"
done
expect 2 "" "$NACRE" embed --data npy:a.npy --out e.npy
expect 3 "stage|width" "$NACRE" embed --weights good/encoder.safetensors --width 64 --data npy:a.npy --out e.npy
pictures color.npy 20 16 16 3
expect 3 "channels" "$NACRE" embed --run good --data npy:color.npy --out e.npy
coloured cifar
expect 3 "cifar10:cifar has pictures of 3 channels, the encoder takes 1" "$NACRE" probe --run good --data cifar10:cifar
[ ! -s out.txt ] || fail "probe prints before it has checked: $(cat out.txt)"
expect 2 "page of several runs" "$NACRE" report good good
[ ! -e good/report.html ] || fail "a comparison lies in one of its runs"
expect 2 "must end in .png" "$NACRE" preview --data npy:a.npy --out p.jpg
[ ! -e p.jpg ] || fail "a PNG is named .jpg"
size=$(stat -c %s good/encoder.safetensors)
for keep in 0 7 8 100 $((size / 2)) $((size - 1)); do
  head -c "$keep" good/encoder.safetensors >cut.safetensors
  expect 3 "cut.safetensors" "$NACRE" embed --weights cut.safetensors --data npy:a.npy --out e.npy
  expect 3 "cut.safetensors" "$NACRE" inspect cut.safetensors
done
# A NaN in the weights: as another program would write it, without our checksum.
sed 's/nacre\.crc32/other.crc32/' good/encoder.safetensors >nan.safetensors
printf '\x00\x00\xc0\x7f' | dd of=nan.safetensors bs=1 seek=$((size - 4)) conv=notrunc status=none
expect 3 "not finite: [a-z0-9.]+, 1 value" "$NACRE" embed --weights nan.safetensors --data npy:a.npy --out e.npy
expect 0 "" "$NACRE" inspect nan.safetensors
grep -qE ' 1$' out.txt || fail "inspect counts the NaN"
printf '\x00' | dd of=nan.safetensors bs=1 seek=$((size - 4)) conv=notrunc status=none
cp good/encoder.safetensors bit.safetensors
printf '\x55\x55\x55\x55' | dd of=bit.safetensors bs=1 seek=$((size - 4)) conv=notrunc status=none
expect 3 "checksum|CRC" "$NACRE" embed --weights bit.safetensors --data npy:a.npy --out e.npy
for text in '' '{' '[]' '{}' '{"version":"0.1.0","width":"wide"}'; do
  mkdir -p broken && printf '%s' "$text" >broken/config.json
  expect 3 "config.json" "$NACRE" pretrain --resume --out broken
  expect 3 "config.json" "$NACRE" probe --run broken
done
[ ! -e e.npy ] || fail "embed left a file behind"
cp -r good scored
for text in '' '[]' '{}' '{"knn":3}'; do
  printf '%s' "$text" >scored/probe.json
  expect 3 "scored/probe.json is not what nacre probe writes: .*; probe the run anew" "$NACRE" report scored
done

# --- a directory of other things, and a run that exists
for name in env.json metrics.jsonl probe.json report.html; do
  rm -rf mine && mkdir mine && echo mine >"mine/$name"
  for resume in "" --resume; do
    expect 2 "mine/$name lies there, but no run does .*; move it away, or choose another --out" train mine $resume
  done
  same "$(ls -A mine) $(cat "mine/$name")" "$name mine" "what lay there"
done
rm -rf mine && mkdir mine && touch mine/.lock mine/config.json.tmp.1.0  # of a start that was killed
expect 0 "" train mine --quiet
rm mine/config.json
expect 0 "" train mine --quiet --resume
expect 2 "negatives 300 is not below the 200 pictures of npy:a.npy; lower it" train new --negatives 300 --limit 1000
expect 2 "negatives 150 is not below the 150 pictures of npy:a.npy that --limit leaves" train new --negatives 150 --limit 150
expect 2 "already holds a run; continue it with --resume" train good --epochs 1
expect 2 '--lr is 0.06 there, 0.1 here; --seed is 1 there, 2 here' train good --epochs 1 --resume --lr 0.1 --seed 2
pictures other.npy 200 16 16 3
expect 3 "not those that good was trained on" "$NACRE" pretrain --resume --out good --data npy:other.npy
expect 0 "" cp a.npy moved.npy
expect 0 "" "$NACRE" pretrain --resume --out good --data npy:moved.npy --quiet
same "$before" "$(state good)" "the run as it was"

expect 2 "--decay-all is for --optimizer sgd, not adamw" train none --optimizer adamw --decay-all
[ ! -e none ] || fail "a refused training leaves a directory"

# --- not finite: 4, collapse: 5; the last checkpoint stays
# Before the first checkpoint there is nothing to lose: another start in the same directory.
expect 4 "not finite.*There is no checkpoint yet: start anew in first" train first --lr 1e6 --epochs 9 --save-every 999
[ ! -e first/checkpoint.safetensors ] || fail "a checkpoint before the first"
expect 2 "lr is 1e.06 there, 0.01 here; leave them out, or leave out --resume to start anew" \
  "$NACRE" pretrain --out first --resume --lr 0.01
expect 0 "" train first --lr 0.01 --epochs 1
expect 0 "" train clean --lr 0.01 --epochs 1
for name in encoder.safetensors config.json; do cmp first/$name clean/$name || fail "the other start: $name"; done
same "$(wc -l <clean/metrics.jsonl)" "$(wc -l <first/metrics.jsonl)" "lines of metrics of the other start"
train wild --lr 0.01 --epochs 40 --save-every 1 --log-every 1 --optimizer sgd --lr 1e6 --weight-decay 100 >out.txt 2>err.txt
same 4 $? "code of a loss that is not finite"
grep -qE 'step [0-9]+: .*(loss|gradient of [a-z0-9_.]+).* not finite.*checkpoint is untouched; start anew in another --out$' err.txt || fail "names what is not finite: $(cat err.txt)"
expect 0 "" "$NACRE" inspect wild/checkpoint.safetensors
awk 'NR > 1 && !/^metadata/ && $NF != "0" { print; exit 1 }' out.txt || fail "the last checkpoint is finite"
expect 4 "not finite" "$NACRE" pretrain --resume --out wild --quiet
{ npy_header '|u1' '64, 16, 16, 1' && head -c 16384 /dev/zero; } >black.npy
expect 5 "shrunk to a point.*no checkpoint yet" "$NACRE" pretrain --data npy:black.npy $tiny --out point --stop-on-collapse

# --- cannot write: 6
expect 6 "cannot make the directory" train a.npy
expect 6 "" train a.npy/run
expect 6 "" train /proc/run
expect 6 "nowhere/e.npy" "$NACRE" embed --run good --data npy:a.npy --out nowhere/e.npy
expect 6 "nowhere/p.png" "$NACRE" preview --data npy:a.npy --out nowhere/p.png
expect 6 "nowhere/r.html" "$NACRE" report good --out nowhere/r.html
expect 6 "is a directory" "$NACRE" report good --out empty
limited() { (ulimit -f "$1" && shift && "$@"); } # blocks of 1 KiB
expect 6 "limit" limited 40 train full
[ ! -e full/checkpoint.safetensors ] || fail "a checkpoint that was not written whole"
cp -r good again && before=$(state good)
expect 6 "limit" limited 4 "$NACRE" embed --run again --data npy:a.npy --out again/encoder.safetensors
expect 0 "" diff -r good again
mkdir disk
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=400k tmpfs disk 2>/dev/null; then
  at_exit+=("umount $PWD/disk")
  train disk/run --epochs 1 >out.txt 2>err.txt || fail "a run on a small disk: $(cat err.txt)"
  head -c 400000 /dev/zero >disk/filler 2>/dev/null
  before=$(sum disk/run/checkpoint.safetensors)
  expect 6 "No space left.*(free|unchanged)" train disk/second --epochs 1
  expect 6 "No space left" "$NACRE" embed --run disk/run --data npy:a.npy --out disk/run/encoder.safetensors
  expect 0 "" "$NACRE" pretrain --resume --out disk/run --quiet
  same "$before" "$(sum disk/run/checkpoint.safetensors)" "the checkpoint on a full disk"
else
  echo "skipped: no small disk can be mounted here"
fi

# --- out of memory: 7
small() { (ulimit -v "$1" && shift && "$@"); } # KiB
for memory in 400000 700000; do
  expect 7 "out of memory" small $memory train memory --width 256 --image-size 64
done
[ ! -e memory ] || [ ! -e memory/checkpoint.safetensors ] || fail "a run without memory left a checkpoint"
finish
