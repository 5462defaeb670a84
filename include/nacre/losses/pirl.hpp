// The PIRL loss: both views of an image are pulled to its row of the memory bank and away from other rows.
//
//   L = lambda NCE(m_i, patches_i) + (1 - lambda) NCE(m_i, image_i)        image, patches [B, D] unit rows
//
// NCE in one of the three forms of losses/nce.hpp; lambda = 0 is instance discrimination (NPID). Both terms use
// the same negatives: a row drawn for a sample is read once for both. The two views meet only through the bank, which
// the paper found to be what makes training converge. Negatives push the embedding alone, the bank stands still; one
// embedding for all costs log(K + 1), so it is no minimum.
// Misra & van der Maaten, "Self-supervised learning of pretext-invariant representations", 2020.
// Tested in tests/methods/pirl_golden.cpp.
#pragma once

#include <nacre/losses/gathered_nce.hpp>
#include <nacre/losses/info_nce.hpp>

namespace nacre::losses {

struct PirlOptions {
  double lambda = 0.5;
  double temperature = 0.07;
  NceForm form = NceForm::info_nce;
  bool exclude_self = true;  // of a shared set of negatives; a set per sample is drawn without it
};

template <class T>
struct PirlTerms {
  Var<T> loss, patches, image;  // patches is empty when lambda is 0
};

// bank [N, D]: the rows of the memory bank. index [B]: the batch's rows. negatives [B, K] per sample or [K] shared.
// z: Z of the form nce_constant; a value <= 0 is replaced by that of the first scores seen (the patches').
template <class T>
PirlTerms<T> pirl(const Var<T>& image, const Var<T>& patches, const Tensor<T>& bank, const Tensor<i64>& index,
                  const Tensor<i64>& negatives, const PirlOptions& o, double& z) {
  check(o.lambda >= 0 && o.lambda <= 1, "pirl",
        [&] { return "lambda " + std::to_string(o.lambda) + " is not between 0 and 1"; });
  check(image.shape().rank() == 2 && bank.rank() == 2 && image.dim(0) == index.size() && image.dim(1) == bank.dim(1),
        "pirl", [&] {
          return "image is " + image.shape().str() + ", index " + index.shape().str() + ", bank " + bank.shape().str() +
                 "; need one unit row per index, as long as the bank's";
        });
  check(o.lambda == 0 || (patches.node() && patches.shape() == image.shape()), "pirl", [&] {
    return "patches must be " + image.shape().str() + " like image" +
           (patches.node() ? ", got " + patches.shape().str() : "");
  });
  std::vector<Var<T>> heads{image};
  if (o.lambda > 0) heads.insert(heads.begin(), patches);
  NceOptions form{.form = o.form, .temperature = o.temperature, .z = z, .bank_rows = bank.dim(0)};
  std::vector<Var<T>> terms = negatives.rank() == 1
                                  ? shared_nce(heads, bank, index, negatives, !o.exclude_self, form)
                                  : gathered_nce(heads, bank, index, negatives, form);
  PirlTerms<T> t;
  if (o.lambda > 0) t.patches = terms[0];
  t.image = terms.back();
  if (std::isfinite(form.z)) z = form.z;  // a bad batch does not fix Z
  t.loss = o.lambda > 0 ? t.patches * o.lambda + t.image * (1 - o.lambda) : t.image;
  return t;
}

// The same for the forms that need no Z.
template <class T>
PirlTerms<T> pirl(const Var<T>& image, const Var<T>& patches, const Tensor<T>& bank, const Tensor<i64>& index,
                  const Tensor<i64>& negatives, const PirlOptions& o) {
  check(o.form != NceForm::nce_constant, "pirl",
        [] { return std::string("the form nce_constant needs a place to keep Z in"); });
  double none = 0;
  return pirl(image, patches, bank, index, negatives, o, none);
}

// What the terms are expected to be while the encoder knows nothing of the bank (random unit rows, dimension d):
// InfoNCE ~ log(K c), the NCE forms ~ log(K c) + 1, c = E e^{s / temperature} = 0F1(; d/2; 1 / (2 temperature)^2).
// (A bank that the encoder has filled starts lower. A loss that stays at log(K + 1) tells nothing apart.)
NACRE_INLINE double expected_initial_loss(const PirlOptions& o, i64 negatives, i64 dim);

NACRE_INSTANCE(PirlTerms<float> pirl(const Var<float>&, const Var<float>&, const Tensor<float>&, const Tensor<i64>&,
                                     const Tensor<i64>&, const PirlOptions&, double&))

}  // namespace nacre::losses

#if NACRE_DEFINITIONS
#include <nacre/losses/pirl_impl.hpp>
#endif
