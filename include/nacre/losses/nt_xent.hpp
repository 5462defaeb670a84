// NT-Xent, the loss of SimCLR: each of 2N rows is to find its partner among all others.
//
//   s_ij = z_i . z_j / temperature,   Z_i = sum over j != i of e^{s_ij},   partner of row i: row i + N, modulo 2N
//   L = mean over i of log Z_i - s_i,partner                                       z [2N, D], unit rows -> scalar
//   dL/dz_i = (sum over j != i of e^{s_ij} (1 / Z_i + 1 / Z_j) z_j - 2 z_partner) / (2N temperature)
//
// (two views one after the other, as pretext::Views lays them). Neither scores nor probabilities are stored: blocks
// of up to 256 x 256 scores are computed, used for both of their sides, since s is symmetric, and forgotten. Forward
// leaves log Z; backward computes the blocks again. Rows need not be unit, though the paper's are.
// Chen et al., "A simple framework for contrastive learning of visual representations", 2020.
// Throws nacre::Error. Tested in tests/losses/nt_xent.cpp.
#pragma once

#include <nacre/autograd/var.hpp>
#include <nacre/backend/cpu/gemm.hpp>
#include <nacre/backend/cpu/map.hpp>
#include <nacre/backend/cpu/pack.hpp>
#include <nacre/backend/cpu/simd.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/math/scalar.hpp>

#include <algorithm>
#include <cmath>

namespace nacre::losses {

namespace detail {

struct BlockOfRows {
  i64 begin, end;
  i64 size() const { return end - begin; }
};
inline i64 pitch_of(i64 cols) { return (cols + 15) / 16 * 16; }

// f(i, j, s) for every pair of blocks of z's rows [i.begin, i.end) and [j.begin, j.end), each pair once. s: the scores,
// rows `pitch` apart, -inf behind the last column and where a row meets itself.
//
// Blocks meet as the players of a tournament do: round 0 is each with itself, and in each of the others every block
// meets one other. So the tasks of a round share no row, and what a row sums up over the rounds has one order.
template <class T, class F>
void each_pair_of_blocks(const T* z, i64 n, i64 dim, const F& f) {
  const auto kern = backend::detail::kernel<T>();
  const i64 size = std::clamp<i64>((n / 8 + 15) / 16 * 16, 16, 256), blocks = (n + size - 1) / size;
  const i64 players = blocks + blocks % 2, seats = players - 1;  // an odd one out meets nobody
  auto pack = [&](i64 b, T* out) {
    const i64 begin = b * size, cols = std::min(n - begin, size);
    for (i64 c = 0; c < cols; c += kern.wide())
      backend::detail::pack_group(kern, true, z + begin * dim, dim, dim, c, cols, out);
  };
  const bool once = n * dim <= (1 << 19);  // rows that fit a copy; else each pair packs its own, to keep memory small
  Tensor<T> packed({once ? blocks * size * dim : 0});
  if (once) parallel_for(blocks, 1, [&](i64 b, i64) { pack(b, packed.data() + b * size * dim); });
  auto meet = [&](i64 a, i64 b) {
    if (b >= blocks) return;
    const BlockOfRows i{a * size, std::min(n, (a + 1) * size)}, j{b * size, std::min(n, (b + 1) * size)};
    const i64 pitch = pitch_of(j.size());
    Tensor<T> s({i.size(), pitch}), own({once ? 0 : dim * pitch});
    if (!once) pack(b, own.data());
    const T* panels = once ? packed.data() + j.begin * dim : own.data();
    backend::detail::block_product(kern, i.size(), j.size(), dim, z + i.begin * dim, dim, 1, panels, 0, s.data(), pitch,
                                   false, {z, 0});
    for (i64 r = 0; r < i.size(); ++r) {
      T* row = s.data() + r * pitch;
      std::fill(row + j.size(), row + pitch, -scalar::infinity<T>);
      if (a == b) row[r] = -scalar::infinity<T>;
    }
    f(i, j, s.data());
  };
  parallel_for(blocks, 1, [&](i64 a, i64) { meet(a, a); });
  for (i64 round = 0; round < seats; ++round)
    parallel_for(players / 2, 1, [&](i64 table, i64) {  // the last player keeps its seat, the others move on
      i64 a = table == 0 ? seats : (round + table) % seats, b = (round + seats - table) % seats;
      meet(std::min(a, b), std::max(a, b));
    });
}

// What is kept of each row: Z_i = e^{shift_i} / inverse_i. All shifts are one number if no score is too far from it for
// T's exponents; then e^{s - shift} serves both sides of a score. Else they are row maxima.
template <class T>
struct NtXentRows {
  bool one_shift = true;
  Tensor<T> shift, inverse;  // [2N + 16]: loops over 16 columns may look past the end
};

// A block's scores to e^{s - shift}, summed along its rows and along its columns.
template <bool one_shift, class T>
void add_sums(const T* s, BlockOfRows i, BlockOfRows j, T inv, const T* shift, double* sum) {
  T col[256] = {};
  const i64 pitch = pitch_of(j.size());
  backend::simd::run([&] {
    for (i64 r = 0; r < i.size(); ++r) {
      const T *x = s + r * pitch, own = shift[i.begin + r], *other = shift + j.begin;
      T lane[16] = {};
      for (i64 c = 0; c < pitch; c += 16)
#pragma GCC ivdep
        for (int q = 0; q < 16; ++q) {
          T v = x[c + q] * inv, e = scalar::exp(v - own);
          lane[q] += e;
          col[c + q] += one_shift ? e : scalar::exp(v - other[c + q]);
        }
      for (int width = 8; width > 0; width /= 2)
        for (int q = 0; q < width; ++q) lane[q] += lane[q + width];
      sum[i.begin + r] += static_cast<double>(lane[0]);
    }
  });
  if (i.begin != j.begin)
    for (i64 c = 0; c < j.size(); ++c) sum[j.begin + c] += static_cast<double>(col[c]);
}

// The same for maxima of the scores.
template <class T>
void take_maxima(const T* s, BlockOfRows i, BlockOfRows j, T inv, T* most) {
  const i64 pitch = pitch_of(j.size());
  auto larger = [](T a, T b) { return a > b ? a : b; };
  for (i64 r = 0; r < i.size(); ++r)
    for (i64 c = 0; c < j.size(); ++c) {
      T v = s[r * pitch + c] * inv, &a = most[i.begin + r], &b = most[j.begin + c];
      a = larger(v, a);
      b = larger(v, b);
    }
}

// A block's scores, in place, to their weights scale e^{s_ij} (1 / Z_i + 1 / Z_j).
template <bool one_shift, class T>
void to_weights(T* s, BlockOfRows i, BlockOfRows j, T inv, T scale, const T* shift, const T* inverse) {
  const i64 pitch = pitch_of(j.size());
  backend::simd::run([&] {
    for (i64 r = 0; r < i.size(); ++r) {
      T *x = s + r * pitch, own = shift[i.begin + r], own_inverse = inverse[i.begin + r];
      const T *other = shift + j.begin, *other_inverse = inverse + j.begin;
#pragma GCC ivdep
      for (i64 c = 0; c < pitch; ++c) {
        T v = x[c] * inv, e = scalar::exp(v - own);
        x[c] = scale * (one_shift ? e * (own_inverse + other_inverse[c])
                                  : e * own_inverse + scalar::exp(v - other[c]) * other_inverse[c]);
      }
    }
  });
}

// out[i] = z_i . z_(i + shift), modulo n
template <class T>
void shifted_products(const T* z, i64 n, i64 dim, i64 shift, T* out) {
  parallel_for(n, 128, [&](i64 begin, i64 end) {
    backend::simd::run([&] {
      for (i64 i = begin; i < end; ++i) {
        const T *a = z + i * dim, *b = z + (i + shift) % n * dim;
        T lane[16] = {};
        i64 d = 0;
        for (; d + 16 <= dim; d += 16)
          for (int q = 0; q < 16; ++q) lane[q] += a[d + q] * b[d + q];
        for (int q = 0; d < dim; ++d, ++q) lane[q] += a[d] * b[d];
        for (int width = 8; width > 0; width /= 2)
          for (int q = 0; q < width; ++q) lane[q] += lane[q + width];
        out[i] = lane[0];
      }
    });
  });
}

// Fills `rows`, returns the loss.
template <class T>
double nt_xent_forward(const T* z, i64 n, i64 dim, T inv, NtXentRows<T>& rows) {
  rows.shift = Tensor<T>::zeros({n + 16});
  rows.inverse = Tensor<T>::zeros({n + 16});
  Tensor<T> square({n}), partner({n});
  shifted_products(z, n, dim, 0, square.data());
  shifted_products(z, n, dim, n / 2, partner.data());
  T longest = 0, *shift = rows.shift.data();
  for (T s : square.span()) longest = std::max(longest, s);
  rows.one_shift = longest * inv <= (sizeof(T) == 4 ? T(40) : T(350));  // |s_ij| <= longest / temperature
  if (rows.one_shift) {
    rows.shift.fill(longest * inv);
  } else {
    std::fill(shift, shift + n, -scalar::infinity<T>);
    each_pair_of_blocks(z, n, dim, [&](BlockOfRows i, BlockOfRows j, T* s) { take_maxima(s, i, j, inv, shift); });
  }
  Tensor<double> sum = Tensor<double>::zeros({n});
  each_pair_of_blocks(z, n, dim, [&](BlockOfRows i, BlockOfRows j, T* s) {
    if (rows.one_shift) add_sums<true>(s, i, j, inv, shift, sum.data());
    else add_sums<false>(s, i, j, inv, shift, sum.data());
  });
  double loss = 0;
  for (i64 i = 0; i < n; ++i) {
    rows.inverse[i] = static_cast<T>(1 / sum[i]);
    loss += std::log(sum[i]) + static_cast<double>(shift[i] - inv * partner[i]);
  }
  return loss / static_cast<double>(n);
}

// gz (+)= gy dL/dz
template <class T>
void nt_xent_backward(const T* z, i64 n, i64 dim, T inv, const NtXentRows<T>& rows, T gy, T* gz, Into into) {
  const T scale = gy * inv / static_cast<T>(n), *shift = rows.shift.data(), *inverse = rows.inverse.data();
  const i64 half = n / 2 * dim;
  const auto kern = backend::detail::kernel<T>();
  const bool whole = dim % 16 == 0;  // rows are whole vectors: they serve as they lie
  for (i64 side : {i64{0}, half})
    backend::map(Cpu{}, [scale](T partner) { return -2 * scale * partner; }, gz + side, 1, half, into,
                 backend::Dense<T>{z + half - side, half});
  each_pair_of_blocks(z, n, dim, [&](BlockOfRows i, BlockOfRows j, T* s) {
    const i64 pitch = pitch_of(j.size());
    const T *zi = z + i.begin * dim, *zj = z + j.begin * dim;
    if (rows.one_shift) to_weights<true>(s, i, j, inv, scale, shift, inverse);
    else to_weights<false>(s, i, j, inv, scale, shift, inverse);
    auto add = [&](i64 m, i64 k, i64 row, i64 step, const T* from, T* to) {  // to [m, D] += weights [m, k] from [k, D]
      if (whole) backend::detail::block_product(kern, m, dim, k, s, row, step, from, dim, to, dim, true, {z, 0});
      else backend::gemm(Cpu{}, row == 1, false, m, dim, k, s, pitch, from, dim, to, dim, Into::add);
    };
    add(i.size(), j.size(), pitch, 1, zj, gz + i.begin * dim);
    if (i.begin != j.begin) add(j.size(), i.size(), 1, pitch, zi, gz + j.begin * dim);
  });
}

}  // namespace detail

// z [2N, D], row i beside row i + N -> scalar.
template <class T>
Var<T> nt_xent(const Var<T>& z, double temperature) {
  const Shape& shape = z.shape();
  check(shape.rank() == 2 && shape[0] >= 2 && shape[0] % 2 == 0 && shape[1] >= 1, "nt_xent", [&] {
    return "z is " + shape.str() + "; need [2N, D], N rows of one view and then N of the other";
  });
  check(temperature > 0, "nt_xent", [&] { return "temperature " + std::to_string(temperature) + " is not above 0"; });
  i64 n = shape[0], dim = shape[1];
  T inv = static_cast<T>(1 / temperature);
  detail::NtXentRows<T> rows;
  double loss = detail::nt_xent_forward(z.value().data(), n, dim, inv, rows);
  return make_op(
      "nt_xent", Tensor<T>::scalar(static_cast<T>(loss)),
      [=, node = z.node(), value = z.value()](const Tensor<T>& gy) {
        if (auto g = gradient_of(node))
          detail::nt_xent_backward(value.data(), n, dim, inv, rows, gy.item(), g.data(), g.into);
      },
      z);
}

}  // namespace nacre::losses
