// Two modalities of one thing: each is pulled to the other's row of a memory bank and away from other things' rows.
//
//   L = 1/2 NCE(a -> bank_b) + 1/2 NCE(b -> bank_a)         a, b [B, D] unit rows, banks [N, D]
//
// info_nce is that of losses/nce.hpp. nce_constant has AVID's h(s) = e^s / (e^s + K Zbar), Zbar the mean of e^s over
// the negatives of the first batch in the direction a -> b, then kept for both directions. Both directions use the
// same negatives; with info_nce, `contrast` chooses among them and weighs them, for each direction by its own scores.
// Scores are over the temperature. Backward keeps the gradients [B, D]; nothing flows into the banks.
// Morgado, Vasconcelos & Misra, "Audio-visual instance discrimination with cross-modal agreement", 2021; the
// information is Tian et al.'s, "Contrastive multiview coding", 2020. Tested in tests/losses/cross_nce.cpp.
#pragma once

#include <nacre/losses/contrast_batch.hpp>
#include <nacre/losses/gathered_nce.hpp>

namespace nacre::losses {

struct CrossNceOptions {
  NceForm form = NceForm::nce_constant;
  double temperature = 0.07;
  ContrastOptions contrast = {};  // choice and weights of negatives, for info_nce; its temperature is not used
};

template <class T>
struct CrossNceTerms {
  Var<T> loss, a, b;  // a: NCE(a -> bank_b), b: NCE(b -> bank_a)
};

// The mean of e^{s / temperature} over all scores of z [B, D] with the rows negatives [B, K] of a bank.
template <class T>
double mean_exp(const Tensor<T>& z, const Tensor<T>& bank, const Tensor<i64>& negatives, double temperature) {
  Tensor<T> scores = gathered_dot(Var<T>(z), bank, negatives).value();
  double sum = 0;
  for (T s : scores.span()) sum += std::exp(static_cast<double>(s) / temperature);
  return sum / static_cast<double>(scores.size());
}

// own [B]: rows of the batch, negatives [B, K]: rows of others. z: Zbar; a value <= 0 is replaced by that of the
// scores seen, and only nce_constant looks at it. Throws nacre::Error as gathered_nce does.
template <class T>
CrossNceTerms<T> cross_nce(const Var<T>& a, const Var<T>& b, const Tensor<T>& bank_a, const Tensor<T>& bank_b,
                           const Tensor<i64>& own, const Tensor<i64>& negatives, const CrossNceOptions& o, double& z) {
  check(a.shape() == b.shape() && bank_a.shape() == bank_b.shape(), "cross_nce", [&] {
    return "a is " + a.shape().str() + ", b is " + b.shape().str() + ", the banks are " + bank_a.shape().str() +
           " and " + bank_b.shape().str() + "; need equal shapes";
  });
  check(o.form != NceForm::nce_paper, "cross_nce", [] { return std::string("the form is info_nce or nce_constant"); });
  check(o.temperature > 0, "cross_nce",
        [&] { return "temperature " + std::to_string(o.temperature) + " is not above 0"; });
  CrossNceTerms<T> t;
  if (o.contrast.plain()) {
    double level = z;
    if (o.form == NceForm::nce_constant && z <= 0) level = mean_exp(a.value(), bank_b, negatives, o.temperature);
    if (std::isfinite(level)) z = level;  // a bad batch does not fix it
    NceOptions form{.form = o.form, .temperature = o.temperature, .z = level, .bank_rows = 1};  // N = 1: Z is Zbar
    t.a = gathered_nce<T>({a}, bank_b, own, negatives, form)[0];
    t.b = gathered_nce<T>({b}, bank_a, own, negatives, form)[0];
  } else {
    ContrastOptions choice = in_place_of("cross_nce", o.form, o.temperature, o.contrast);
    t.a = contrast_bank(a, bank_b, own, negatives, choice);
    t.b = contrast_bank(b, bank_a, own, negatives, choice);
  }
  t.loss = (t.a + t.b) * 0.5;
  return t;
}

}  // namespace nacre::losses
