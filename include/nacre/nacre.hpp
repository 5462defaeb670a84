// Everything that needs no GPU and no picture codec. Single headers compile faster and say more; see README.md here.
//
// Left out: data/idx.hpp (zlib), data/png.hpp, data/jpeg.hpp, data/image_io.hpp and data/open.hpp, whose users link
// a codec; eigen.hpp (Eigen in its signatures); backend/cuda.hpp. tests/umbrella.sh keeps the list complete.
#pragma once

#include <nacre/autograd/gradcheck.hpp>
#include <nacre/bank/memory_bank.hpp>
#include <nacre/bank/negatives.hpp>
#include <nacre/bank/queue.hpp>
#include <nacre/data/augment.hpp>
#include <nacre/data/file.hpp>
#include <nacre/data/loader.hpp>
#include <nacre/data/log_mel.hpp>
#include <nacre/data/wav.hpp>
#include <nacre/eval/knn.hpp>
#include <nacre/eval/linear_probe.hpp>
#include <nacre/eval/metrics.hpp>
#include <nacre/eval/pca.hpp>
#include <nacre/eval/probe.hpp>
#include <nacre/io/npy.hpp>
#include <nacre/io/safetensors.hpp>
#include <nacre/io/sha256.hpp>
#include <nacre/losses/contrast.hpp>
#include <nacre/losses/gathered_nce.hpp>
#include <nacre/losses/info_nce.hpp>
#include <nacre/losses/nce.hpp>
#include <nacre/losses/nt_xent.hpp>
#include <nacre/losses/pirl.hpp>
#include <nacre/methods/method.hpp>
#include <nacre/methods/moco.hpp>
#include <nacre/methods/moco_v3.hpp>
#include <nacre/methods/momentum.hpp>
#include <nacre/methods/pirl.hpp>
#include <nacre/methods/simclr.hpp>
#include <nacre/methods/supcon.hpp>
#include <nacre/methods/supervised.hpp>
#include <nacre/models/heads.hpp>
#include <nacre/models/mlp.hpp>
#include <nacre/models/resnet.hpp>
#include <nacre/models/weights.hpp>
#include <nacre/nn/norm.hpp>
#include <nacre/nn/sequential.hpp>
#include <nacre/ops/cast.hpp>
#include <nacre/ops/dropout.hpp>
#include <nacre/ops/reduce.hpp>
#include <nacre/ops/softmax.hpp>
#include <nacre/optim/adamw.hpp>
#include <nacre/optim/ema.hpp>
#include <nacre/optim/lars.hpp>
#include <nacre/optim/schedule.hpp>
#include <nacre/optim/sgd.hpp>
#include <nacre/pretext/jigsaw.hpp>
#include <nacre/pretext/permutations.hpp>
#include <nacre/pretext/two_views.hpp>
#include <nacre/train/progress.hpp>
#include <nacre/train/report.hpp>
#include <nacre/train/trainer.hpp>
