#!/usr/bin/env bash
# A run that was stopped, at any moment and in any way, ends with the bits of one that was not.
#   NACRE_KILLS: how many times kill -9 falls (20)
. "$(dirname "${BASH_SOURCE[0]}")/helpers.inc"
kills=${NACRE_KILLS:-20}
pictures a.npy 200 16 16 1
metrics() { sed 's/"samples_per_s":[^,]*,//' "$1/metrics.jsonl" | sha256sum; }
alike() { # RUN: it ended as `whole` did
  same "$(sum whole/encoder.safetensors)" "$(sum "$1/encoder.safetensors")" "encoder of $1"
  same "$(sum whole/checkpoint.safetensors)" "$(sum "$1/checkpoint.safetensors")" "checkpoint of $1"
  same "$(metrics whole)" "$(metrics "$1")" "metrics of $1"
}
steps() { sed -n 's/^metadata step: //p' <("$NACRE" inspect "$1/checkpoint.safetensors"); }

options="--epochs 16 --save-every 1 --log-every 1"
begun=$(date +%s%N)
# shellcheck disable=SC2086
train whole $options || fail "a run"
took=$((($(date +%s%N) - begun) / 1000000))
same 192 "$(steps whole)" "steps"

# --- kill -9 at random moments, saving at every step; a run that has ended begins anew
RANDOM=${NACRE_SEED:-$$}
echo "seed of the moments: ${NACRE_SEED:-$$}; a whole run takes $took ms"
landed=0 ended=0
while [ "$landed" -lt "$kills" ]; do
  # shellcheck disable=SC2086
  start killed $options --resume
  sleep "$(printf '0.%03d' $((RANDOM % (took < 900 ? took : 900))))"
  if kill -9 $pid 2>/dev/null; then landed=$((landed + 1)); fi
  wait $pid 2>/dev/null
  code=$?
  [ $code -eq 137 ] || [ $code -eq 0 ] || fail "code $code on the way: $(cat err.txt)"
  if [ -e killed/encoder.safetensors ]; then
    alike killed
    ended=$((ended + 1))
    rm -r killed
  fi
done
# shellcheck disable=SC2086
train killed $options --resume || fail "the last resume"
alike killed
echo "$landed kills over $((ended + 1)) runs"
ls killed/*.tmp.* 2>/dev/null && fail "temporary files are left"

# --- finished: nothing left to do, nothing changed
before=$(state killed)
expect 0 "" "$NACRE" pretrain --out killed --resume
grep -q "killed is finished" out.txt || fail "says that the run is finished"
same "$before" "$(state killed)" "a finished run after --resume"
rm killed/encoder.safetensors
expect 0 "" "$NACRE" pretrain --out killed --resume --quiet
same "$before" "$(state killed)" "the encoder of a finished run, written again"

# --- signals save first; the epochs have 12 steps, so most stop inside one
for signal in INT TERM; do
  rm -rf stopped
  code=$([ $signal = INT ] && echo 130 || echo 143)
  start stopped --epochs 16 --log-every 1
  wait_for grep -q '"step":5,' stopped/metrics.jsonl
  kill -$signal $pid
  wait $pid
  same $code $? "code of SIG$signal"
  grep -q "interrupted; the checkpoint is saved, continue with: nacre pretrain --out stopped --resume" err.txt || fail "SIG$signal: $(cat err.txt)"
  same "$(tail -n 1 stopped/metrics.jsonl | sed 's/.*"step":\([0-9]*\).*/\1/')" "$(steps stopped)" "the step that was saved"
  # A longer pause between checkpoints, other threads: neither changes the result.
  expect 0 "" "$NACRE" pretrain --out stopped --resume --quiet --threads 3 --save-every 50
  cmp -s whole/encoder.safetensors stopped/encoder.safetensors || fail "resumed after SIG$signal: another encoder"
  same "$(metrics whole)" "$(metrics stopped)" "metrics after SIG$signal"
done

# --- one training at a time
start busy --epochs 5000 --save-every 10
wait_for test -e busy/checkpoint.safetensors
expect 2 "another training is running in busy" "$NACRE" pretrain --out busy --resume
expect 2 "already holds a run" train busy
kill -9 $pid
wait $pid 2>/dev/null

# --- damage: the checkpoint before takes over; without one, nothing is touched
damage() { # HOW
  rm -rf broken && cp -r stopping broken
  case $1 in
    cut) truncate -s $((size / 2)) broken/checkpoint.safetensors ;;
    empty) : >broken/checkpoint.safetensors ;;
    bit) printf '\x55' | dd of=broken/checkpoint.safetensors bs=1 seek=$((size - 100)) conv=notrunc status=none ;;
    unsigned) sed -i 's/nacre\.crc32/other.crc32/' broken/checkpoint.safetensors ;;
    other) cp foreign/checkpoint.safetensors broken/ ;;
    gone) rm broken/checkpoint.safetensors ;;
  esac
}
train foreign --seed 2 --epochs 1 || fail "a run of another seed"
start stopping --epochs 16 --save-every 5 --log-every 1
wait_for test -e stopping/checkpoint.prev.safetensors
kill -9 $pid
wait $pid 2>/dev/null
size=$(stat -c %s stopping/checkpoint.safetensors)
for how in cut empty bit unsigned other gone; do
  damage $how
  touch broken/checkpoint.safetensors.tmp.1.0 broken/encoder.safetensors.tmp.1.0 broken/checkpoint.prev.safetensors.tmp.1.0
  pattern="warning: .*checkpoint.safetensors.*; continuing from broken/checkpoint.prev.safetensors"
  [ $how != gone ] || pattern=
  expect 0 "$pattern" "$NACRE" pretrain --out broken --resume --quiet
  cmp -s whole/encoder.safetensors broken/encoder.safetensors || fail "damage ($how): another encoder"
  same "$(metrics whole)" "$(metrics broken)" "metrics after damage ($how)"
  ls broken/*.tmp.* 2>/dev/null && fail "stale files are left"
done
damage bit
cp broken/checkpoint.safetensors broken/checkpoint.prev.safetensors
before=$(state broken)
expect 3 "no older checkpoint is valid" "$NACRE" pretrain --out broken --resume
same "$before" "$(state broken)" "a run without a valid checkpoint"

# --- killed before the first checkpoint: from the beginning
cp -r stopping early && rm early/checkpoint*
expect 0 "" "$NACRE" pretrain --out early --resume --quiet
cmp -s whole/encoder.safetensors early/encoder.safetensors || fail "from the beginning: another encoder"
same "$(metrics whole)" "$(metrics early)" "metrics from the beginning"
# --resume where nothing is begins.
expect 0 "" train fresh --resume --epochs 1
[ -e fresh/encoder.safetensors ] || fail "--resume begins a run"
finish
