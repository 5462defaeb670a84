// The whole evaluation of a frozen encoder: weighted kNN and a linear probe on every stage, and the same for pixels.
//
//   stage output [n, h, w, C] -> average over a grid of g x g cells -> g^2 C numbers -> linear probe
//   g = 12 sqrt(C_stem / C), rounded, within [2, 12] and the map's side
//
// So every stage gets about as many numbers (width 64: 8,192 to 9,216; ResNet-50: 12 6 4 3 2 cells, as in the paper),
// and a narrow network proportionally fewer. `pool` is the trunk's averaged output; kNN looks at it alone. Pictures
// come from load(begin, end) -> Tensor [n, H, W, C], normalised: data::evaluation_batch, or rows of a tensor. An
// encoder has embed(images), and stages(x) for the probes of its stages. Stage features are kept in bf16; where they do
// not fit `memory`, the encoder runs once more for the next stages.
// Misra & van der Maaten, 2020, table 3. Tested in tests/eval/probe.cpp.
#pragma once

#include <nacre/autograd/var.hpp>
#include <nacre/eval/linear_probe.hpp>

namespace nacre::eval {

struct ProbeOptions {
  KnnOptions knn{};
  LinearOptions linear{};
  bool all_stages = true;     // false: pool alone
  i64 batch = 256;            // pictures a forward pass
  u64 memory = u64{2} << 30;  // bytes of stage features at a time
};

struct StageScore {
  std::string name;  // stem, layer1, ..., layer4, pool; pixels
  double top1 = 0;   // percent
};

struct EncoderScore {
  double knn = 0;                  // percent, of pool
  i64 k = 0;                       // neighbours that voted
  std::vector<StageScore> linear;  // in the order of the network
};

// Cells a side of the grid for a stage of c channels, stem_c those of the first stage.
inline i64 grid_cells(i64 height, i64 width, i64 c, i64 stem_c) {
  i64 g = std::lround(12 * std::sqrt(static_cast<double>(stem_c) / static_cast<double>(c)));
  return std::min({std::clamp<i64>(g, 2, 12), height, width});
}

// maps [n, h, w, C] -> out [n, g, g, C]; cell i covers rows floor(i h / g) .. ceil((i + 1) h / g) - 1, columns alike.
template <class T, class Out>
void pool_to_grid(const Tensor<T>& maps, i64 g, Out* out) {
  i64 h = maps.dim(1), w = maps.dim(2), c = maps.dim(3);
  parallel_for(maps.dim(0), 1, [&](i64 begin, i64 end) {
    std::vector<T> sum(static_cast<std::size_t>(c));
    for (i64 cell = begin * g * g; cell < end * g * g; ++cell) {
      i64 n = cell / (g * g), row = cell / g % g, col = cell % g;
      i64 top = row * h / g, bottom = ((row + 1) * h + g - 1) / g, left = col * w / g,
          right = ((col + 1) * w + g - 1) / g;
      std::fill(sum.begin(), sum.end(), T(0));
      for (i64 y = top; y < bottom; ++y)
        for (i64 x = left; x < right; ++x) {
          const T* from = maps.data() + ((n * h + y) * w + x) * c;
          for (i64 j = 0; j < c; ++j) sum[static_cast<std::size_t>(j)] += from[j];
        }
      T scale = T(1) / static_cast<T>((bottom - top) * (right - left));
      for (i64 j = 0; j < c; ++j)
        out[cell * c + j] = static_cast<Out>(static_cast<acc_t<Out>>(sum[static_cast<std::size_t>(j)] * scale));
    }
  });
}

namespace detail {

// f(name, output) for the stages asked for, pool last.
template <class Encoder, class T, class F>
void each_output(const Encoder& encoder, const Tensor<T>& images, bool all, F&& f) {
  if constexpr (requires { encoder.stages(Var<T>(images)); }) {
    if (all) {
      auto s = encoder.stages(Var<T>(images));
      f("stem", s.stem.value());
      f("layer1", s.layer1.value());
      f("layer2", s.layer2.value());
      f("layer3", s.layer3.value());
      f("layer4", s.layer4.value());
      f("pool", s.pool.value());
      return;
    }
  }
  f("pool", encoder.embed(images));
}

template <class T>
struct StageFeatures {
  std::string name;
  i64 cells = 0, channels = 0;
  Tensor<bf16> train, test;  // [N, cells^2 channels]
  i64 numbers() const { return cells * cells * channels; }
};

inline void check_pictures(i64 train, i64 test, i64 batch, std::string_view op) {
  check(batch >= 1, op, [&] { return "batch is " + std::to_string(batch) + "; need at least 1"; });
  check<DataError>(train > 0 && test > 0, op, [&] {
    return std::to_string(train) + " training and " + std::to_string(test) +
           " test pictures with labels; need at least one each";
  });
}

}  // namespace detail

// Embeddings [n, d] of n pictures.
template <class Encoder, class Load>
auto embed_all(const Encoder& encoder, Load&& load, i64 n, i64 batch = 256) {
  check(batch >= 1, "embed_all", [&] { return "batch is " + std::to_string(batch) + "; need at least 1"; });
  auto first = encoder.embed(load(i64{0}, std::min(batch, n)));
  if (n <= batch) return first;
  decltype(first) all(first.shape().with(0, n));
  for (i64 begin = 0; begin < n; begin += batch) {
    i64 end = std::min(n, begin + batch);
    all.rows(begin, end).copy_from(begin == 0 ? first : encoder.embed(load(begin, end)));
  }
  return all;
}

// One label a picture says how many there are.
template <class Encoder, class Train, class Test>
EncoderScore probe(const Encoder& encoder, Train&& train, const Tensor<i64>& train_labels, Test&& test,
                   const Tensor<i64>& test_labels, const ProbeOptions& options = {}) {
  using Images = decltype(train(i64{0}, i64{1}));
  using T = typename Images::value_type;
  i64 n = train_labels.size(), count = test_labels.size();
  detail::check_pictures(n, count, options.batch, "probe");
  std::vector<detail::StageFeatures<T>> stages;
  i64 stem = 0, features = 0;
  detail::each_output(encoder, train(i64{0}, i64{1}), options.all_stages, [&](const char* name, const Tensor<T>& y) {
    if (y.rank() == 2) {
      features = y.dim(1);
      return;
    }
    if (stem == 0) stem = y.dim(3);
    stages.push_back({name, grid_cells(y.dim(1), y.dim(2), y.dim(3), stem), y.dim(3), {}, {}});
  });

  EncoderScore score;
  Tensor<T> pooled({n, features}), pooled_test({count, features});
  std::size_t next = 0;
  do {  // as many stages a pass as fit, at least one
    std::size_t first = next;
    u64 bytes = 0;
    while (next < stages.size()) {
      u64 more = static_cast<u64>((n + count) * stages[next].numbers()) * sizeof(bf16);
      if (next > first && bytes + more > options.memory) break;
      bytes += more;
      stages[next].train = Tensor<bf16>({n, stages[next].numbers()});
      stages[next].test = Tensor<bf16>({count, stages[next].numbers()});
      ++next;
    }
    auto pass = [&](auto& load, i64 total, Tensor<T>& pool, Tensor<bf16> detail::StageFeatures<T>::*into) {
      for (i64 begin = 0; begin < total; begin += options.batch) {
        i64 end = std::min(total, begin + options.batch);
        std::size_t at = 0;
        detail::each_output(encoder, load(begin, end), options.all_stages, [&](const char*, const Tensor<T>& y) {
          if (y.rank() == 2) pool.rows(begin, end).copy_from(y);
          else if (at >= first && at < next)
            pool_to_grid(y, stages[at].cells, (stages[at].*into).rows(begin, end).data());
          ++at;
        });
      }
    };
    pass(train, n, pooled, &detail::StageFeatures<T>::train);
    pass(test, count, pooled_test, &detail::StageFeatures<T>::test);
    for (std::size_t i = first; i < next; ++i) {
      auto& s = stages[i];
      score.linear.push_back(
          {s.name, linear_probe(s.train, train_labels, s.test, test_labels, s.channels, options.linear).top1});
      s.train = s.test = {};
    }
  } while (next < stages.size());
  score.linear.push_back(
      {"pool", linear_probe(pooled, train_labels, pooled_test, test_labels, 0, options.linear).top1});
  KnnResult near = knn(pooled, train_labels, pooled_test, test_labels, options.knn);
  score.knn = near.top1;
  score.k = near.k;
  return score;
}

// The same two measures of the pictures themselves, averaged to at most 32 x 32 cells.
template <class Train, class Test>
EncoderScore probe_pixels(Train&& train, const Tensor<i64>& train_labels, Test&& test, const Tensor<i64>& test_labels,
                          const ProbeOptions& options = {}) {
  using T = typename decltype(train(i64{0}, i64{1}))::value_type;
  detail::check_pictures(train_labels.size(), test_labels.size(), options.batch, "probe_pixels");
  i64 channels = 0;
  auto rows = [&](auto& load, i64 n) {
    Tensor<T> x;
    for (i64 begin = 0; begin < n; begin += options.batch) {
      i64 end = std::min(n, begin + options.batch);
      Tensor<T> images = load(begin, end);
      i64 g = std::min({i64{32}, images.dim(1), images.dim(2)});
      channels = images.dim(3);
      if (begin == 0) x = Tensor<T>({n, g * g * channels});
      pool_to_grid(images, g, x.rows(begin, end).data());
    }
    return x;
  };
  Tensor<T> a = rows(train, train_labels.size()), b = rows(test, test_labels.size());
  KnnResult near = knn(a, train_labels, b, test_labels, options.knn);
  return {
      near.top1, near.k, {{"pixels", linear_probe(a, train_labels, b, test_labels, channels, options.linear).top1}}};
}

}  // namespace nacre::eval
