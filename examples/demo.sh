#!/usr/bin/env bash
# From nothing to a page: installs what is missing (Debian packages only), builds the program, trains an encoder by
# PIRL on Fashion-MNIST, probes it against an untrained encoder and against raw pixels, and writes report.html.
#
#   ./examples/demo.sh [RUN]      RUN: the directory of the run (default runs/demo); interrupted, it goes on from there
set -euo pipefail
run=$(realpath -m "${1:-$(dirname "${BASH_SOURCE[0]}")/../runs/demo}")
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
started=$SECONDS

bash tests/deps.sh g++ cmake ninja-build libeigen3-dev libtbb-dev zlib1g-dev libpng-dev libjpeg62-turbo-dev \
  libcli11-dev dataset-fashion-mnist

mkdir -p build
cmake --preset release >build/demo.log 2>&1 || { cat build/demo.log >&2; exit 1; }
echo "building"
cmake --build --preset release --target nacre
echo "built, $((SECONDS - started)) s after the start"

nacre=build/release/nacre
# Sixteen thousand pictures, ten times: what two cores do in about three minutes. Gentle crops, since small centred
# pictures lose their meaning at the edges; one set of negatives for a batch, which costs a tenth of one for each.
"$nacre" pretrain --resume --out "$run" --method pirl --data fashion-mnist --limit 16000 --epochs 10 --batch 64 \
  --model resnet18 --width 16 --stem cifar --image-size 28 --augment gentle \
  --lr 0.06 --weight-decay 5e-4 --temperature 0.1 --negatives 4096 --shared-negatives --lambda 0.5 --seed 1
"$nacre" probe --run "$run"
"$nacre" report "$run" --out "$run/report.html"

echo
echo "The page: $run/report.html   (all of it: $((SECONDS - started)) s)"
