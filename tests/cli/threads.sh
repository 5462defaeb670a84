#!/usr/bin/env bash
# The bits depend on the seed, the options and the data: not on the threads, nor on where a picture stands in a batch.
. "$(dirname "${BASH_SOURCE[0]}")/helpers.inc"
pictures a.npy 200 16 16 1

# --- training
isa=$("$NACRE" doctor | sed -n 's/^instruction set *//p') firsts=()
for options in "" "--method npid --optimizer lars" "--width 16" "--width 16 --exact-conv" "--head mlp --loss nce_paper --optimizer adamw --image-size 24 --shared-negatives" "--width 16 --decay-all"; do
  first=
  for threads in 1 2 3 7; do
    rm -rf run
    # shellcheck disable=SC2086
    train run --width 4 $options --threads $threads || fail "a run of $threads threads"
    sums="$(sum run/encoder.safetensors) $(sum run/checkpoint.safetensors)"
    same "${first:=$sums}" "$sums" "encoder and checkpoint of $threads threads ($options)"
  done
  # The widths do the same arithmetic; the baseline has no FMA.
  rm -rf run
  # shellcheck disable=SC2086
  [ "$isa" = baseline ] || NACRE_ISA=avx2 train run --width 4 $options || fail "a run on avx2"
  [ "$isa" = baseline ] || same "$first" "$(sum run/encoder.safetensors) $(sum run/checkpoint.safetensors)" "avx2 and $isa ($options)"
  firsts+=("$first")
done
[ "${firsts[2]}" != "${firsts[3]}" ] || fail "--exact-conv makes no difference"
[ "${firsts[2]}" != "${firsts[5]}" ] || fail "--decay-all makes no difference"
train other --width 4 --seed 2
[ "$(sum run/encoder.safetensors)" != "$(sum other/encoder.safetensors)" ] || fail "the seed makes no difference"

# --- embedding: 200 pictures, the same in another order, and some of them alone
train eye --width 8 --epochs 1 || fail "a run"
embed() { "$NACRE" embed --run eye --data "npy:$1" --out "$2" "${@:3}" >/dev/null || fail "embed $*"; }
embed a.npy rows.npy --batch 256
for batch in 1 7 64; do
  for threads in 1 3; do
    embed a.npy other.npy --batch $batch --threads $threads
    cmp rows.npy other.npy || fail "rows of --batch $batch --threads $threads"
  done
done
embed a.npy stem.npy --layer layer2 --batch 256
embed a.npy other.npy --layer layer2 --batch 9 --threads 3
cmp stem.npy other.npy || fail "rows of --layer layer2"

part() { tail -c +129 "$1" | tail -c +$(($2 + 1)) | head -c "$3"; } # FILE FROM BYTES of what follows the header
picture=256 row=$((($(stat -c %s rows.npy) - 128) / 200))
{ npy_header '|u1' '73, 16, 16, 1' && part a.npy $((120 * picture)) $((50 * picture)) && part a.npy 0 $((23 * picture)); } >turned.npy
embed turned.npy other.npy --batch 17
{ part rows.npy $((120 * row)) $((50 * row)) && part rows.npy 0 $((23 * row)); } >expected.bin
part other.npy 0 $((73 * row)) | cmp - expected.bin || fail "a row depends on where its picture stands"
[ $((73 * row)) -eq "$(stat -c %s expected.bin)" ] || fail "rows are missing"
finish
