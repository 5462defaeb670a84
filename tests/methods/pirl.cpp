#include <nacre/methods/pirl.hpp>

#include "check.hpp"

using namespace nacre;
using losses::NceForm;
using methods::Pirl;
using methods::PirlOptions;
using methods::Pretext;

namespace {

constexpr i64 samples = 3, rows_of_bank = 9;

PirlOptions small() {
  PirlOptions o;
  o.encoder = {.depth = 18, .width = 2, .stem = models::Stem::cifar, .in_channels = 1};
  o.dim = 6;
  o.temperature = 0.3;
  return o;
}

struct Input {
  Tensor<double> images = test::randn({samples, 8, 8, 1}, 1), patches = test::randn({samples, 9, 4, 4, 1}, 2);
  Tensor<i64> index = Tensor<i64>::of({samples}, {4, 0, 7});
};

// Parameters, then states, one after the other.
template <class M>
std::vector<double> numbers(const M& module, bool parameters, bool states) {
  std::vector<double> all;
  auto add = [&](const std::string&, const auto& leaf) {
    for (auto v : leaf.value().span()) all.push_back(static_cast<double>(v));
  };
  if (parameters) nn::for_each_parameter(module, add);
  if (states) nn::for_each_state(module, add);
  return all;
}

// Sampled scores of z [B, d] against bank rows, as the loss should see them, computed on its own.
double info_nce_of(const Tensor<double>& z, const Tensor<double>& bank, const Tensor<i64>& index,
                   const Tensor<i64>& negatives, double temperature, bool exclude_self) {
  i64 d = z.dim(1), k = negatives.rank() == 1 ? negatives.size() : negatives.dim(1);
  auto score = [&](i64 b, i64 row) {
    double s = 0;
    for (i64 i = 0; i < d; ++i) s += z[b * d + i] * bank[row * d + i];
    return std::exp(s / temperature);
  };
  double loss = 0;
  for (i64 b = 0; b < z.dim(0); ++b) {
    double own = score(b, index[b]), others = 0;
    for (i64 j = 0; j < k; ++j) {
      i64 row = negatives[negatives.rank() == 1 ? j : b * k + j];
      if (!exclude_self || row != index[b]) others += score(b, row);
    }
    loss -= std::log(own / (own + others)) / static_cast<double>(z.dim(0));
  }
  return loss;
}

}  // namespace

TEST_CASE("every gradient of the whole loss agrees with finite differences, and the check can fail") {
  struct Variant {
    const char* name;
    NceForm form;
    bool shared, mlp;
  };
  for (Variant v : {Variant{"info_nce, shared negatives, mlp head", NceForm::info_nce, true, true},
                    {"nce_paper", NceForm::nce_paper, false, false},
                    {"nce_constant", NceForm::nce_constant, false, false}}) {
    CAPTURE(std::string(v.name));
    PirlOptions o = small();
    o.form = v.form;
    o.lambda = 0.4;
    o.mlp_head = v.mlp;
    Pirl<double> pirl(o, rows_of_bank, Key{3});
    Input in;
    Tensor<i64> negatives = draw_negatives(in.index, rows_of_bank, {.count = 5, .shared = v.shared}, Key{4});
    pirl.z.value()[0] = 12;
    auto loss = [&](Tape& tape) {
      auto out = pirl(tape, in.images, in.patches);
      return losses::pirl(out.image, out.patches, pirl.bank.rows(), in.index, negatives, o, pirl.z.value()[0]).loss;
    };
    test::check_gradient(pirl, loss);
  }
}

TEST_CASE("the order of the patches enters through the concatenation alone") {
  Pirl<double> pirl(small(), rows_of_bank, Key{3});
  Input in;
  auto embed = [&](const Tensor<double>& patches) {
    Tape tape;
    return pirl(tape, in.images, patches).patches.value();
  };
  Tensor<double>& w = pirl.head_jigsaw.jigsaw.weight.value();
  Tensor<double> before = embed(in.patches), moved(in.patches.shape()), weight = w.clone();
  const i64 order[9] = {4, 2, 8, 0, 1, 7, 3, 6, 5}, pixels = 16, d = 6;
  for (i64 b = 0; b < samples; ++b)
    for (i64 p = 0; p < 9; ++p)
      for (i64 i = 0; i < pixels; ++i) moved[(b * 9 + p) * pixels + i] = in.patches[(b * 9 + order[p]) * pixels + i];
  CHECK(test::difference(embed(moved), before) > 1e-3);
  for (i64 o = 0; o < d; ++o)
    for (i64 p = 0; p < 9; ++p)
      for (i64 i = 0; i < d; ++i) w[(o * 9 + p) * d + i] = weight[(o * 9 + order[p]) * d + i];
  CHECK(test::difference(embed(moved), before) < 1e-12);
}

TEST_CASE("the encoder sees the images first and then all patches at once") {
  Pirl<double> pirl(small(), rows_of_bank, Key{3}), by_hand = pirl;
  Input in;
  Tape tape;
  pirl(tape, in.images, in.patches);
  by_hand.encoder(constant(tape, in.images));
  by_hand.encoder(constant(tape, in.patches.reshape({samples * 9, 4, 4, 1})));
  CHECK(numbers(pirl, false, true) == numbers(by_hand, false, true));
}

TEST_CASE("lambda 0 runs no patch branch, and lambda 1 trains on the patches alone") {
  PirlOptions o = small();
  o.lambda = 0;
  Pirl<double> npid(o, rows_of_bank, Key{3}), images_only = npid;
  Input in;
  Tape tape, other;
  auto out = npid(tape, in.images, {});
  CHECK(!out.patches.node());
  images_only.encoder(constant(other, in.images));
  CHECK(numbers(npid, false, true) == numbers(images_only, false, true));
  Tensor<i64> negatives = draw_negatives(in.index, rows_of_bank, {.count = 5}, Key{4});
  auto terms = losses::pirl(out.image, out.patches, npid.bank.rows(), in.index, negatives, o);
  CHECK(!terms.patches.node());
  CHECK(terms.loss.item() == terms.image.item());
  backward(terms.loss);
  nn::for_each_parameter(npid.head_jigsaw, [](const std::string&, auto& p) { CHECK(!p.node()->has_grad); });
  nn::for_each_parameter(npid.encoder, [](const std::string&, auto& p) { CHECK(p.node()->has_grad); });

  o.lambda = 1;
  Pirl<double> only(o, rows_of_bank, Key{3});
  Tape third;
  auto both = only(third, in.images, in.patches);
  auto one = losses::pirl(both.image, both.patches, only.bank.rows(), in.index, negatives, o);
  CHECK(one.loss.item() == doctest::Approx(one.patches.item()).epsilon(1e-15));
  backward(one.loss);
  for (double g : only.head_image.out.weight.node()->grad.span()) CHECK(g == 0);
}

TEST_CASE("encode_bank fills the bank with the untrained encoder's rows and changes nothing else") {
  Pirl<double> pirl(small(), rows_of_bank, Key{3});
  std::vector<double> weights = numbers(pirl, true, false), statistics = numbers(pirl.encoder, false, true);
  Tensor<double> images = test::randn({rows_of_bank, 8, 8, 1}, 5);
  std::vector<i64> sizes;
  auto part = [&](i64 begin, i64 end) {
    sizes.push_back(end - begin);
    return images.rows(begin, end);
  };
  methods::encode_bank(pirl, part, 4);
  CHECK(sizes == std::vector<i64>{4, 5});  // not 4, 4, 1: the statistics of a batch of one would be noise
  CHECK(numbers(pirl, true, false) == weights);
  CHECK(numbers(pirl.encoder, false, true) == statistics);
  Pirl<double> copy = pirl;
  for (auto [begin, end] : {std::pair{0, 4}, {4, 9}}) {
    Tape tape;
    CHECK(test::difference(pirl.bank.rows().rows(begin, end),
                           copy.embed_image(constant(tape, images.rows(begin, end))).value()) < 1e-14);
  }
}

TEST_CASE("a step draws negatives from the tape's key, keeps its rows, and after_step moves the bank by them") {
  for (bool shared : {false, true})
    for (bool exclude : {false, true}) {
      CAPTURE(shared);
      CAPTURE(exclude);
      PirlOptions o = small();
      o.shared_negatives = shared;
      o.exclude_self = exclude;
      o.negatives = rows_of_bank - 1;
      Pirl<float> pirl(o, rows_of_bank, Key{3});
      Input in;
      Batch batch;
      batch.image = test::converted<float>(in.images);
      batch.patches = test::converted<float>(in.patches);
      batch.index = in.index;
      Tape tape(Mode::train, Key{8}), same(Mode::train, Key{8}), again(Mode::train, Key{8});
      double loss = pirl.loss(tape, batch).loss.item();
      NegativesOptions draw{.count = o.negatives, .shared = shared, .exclude_self = exclude};
      Tensor<i64> negatives = draw_negatives(in.index, rows_of_bank, draw, same.next_key());
      bool own = false;  // VISSL's option lets a row be its own negative
      for (i64 b = 0; b < samples; ++b)
        for (i64 k = 0; k < o.negatives; ++k)
          own = own || negatives[shared ? k : b * o.negatives + k] == in.index[b];
      CHECK(own == (shared || !exclude));
      auto expected = [&](bool without) {
        auto term = [&](const Tensor<float>& z) {
          return info_nce_of(test::converted<double>(z), test::converted<double>(pirl.bank.rows()), in.index, negatives,
                             o.temperature, without);
        };
        return 0.5 * term(pirl.newest().a) + 0.5 * term(pirl.newest().b);
      };
      CHECK(loss == doctest::Approx(expected(exclude)).epsilon(1e-5));
      if (own) CHECK(loss != doctest::Approx(expected(!exclude)).epsilon(1e-3));
      Pirl<float> copy = pirl;
      CHECK(copy.loss(again, batch).loss.item() == static_cast<float>(loss));

      MemoryBank<float> moved = pirl.bank;
      moved.update(in.index, pirl.newest().a);
      pirl.after_step(batch);
      CHECK(test::same_bits(pirl.bank.rows(), moved.rows()));
    }
}

TEST_CASE("negatives can be chosen and weighed; a choice of all is the plain loss") {
  Input in;
  Batch batch;
  batch.image = test::converted<float>(in.images);
  batch.patches = test::converted<float>(in.patches);
  batch.index = in.index;
  for (bool shared : {false, true}) {
    PirlOptions o = small();
    o.negatives = 6;
    o.shared_negatives = shared;
    Pirl<double> pirl(o, rows_of_bank, Key{3});
    auto loss = [&] {
      Tape tape(Mode::train, Key{4});
      return pirl.loss(tape, batch).loss.item();
    };
    double plain = loss();
    pirl.options.contrast.negatives.hardest = 100;  // more than there are
    CHECK(loss() == doctest::Approx(plain).epsilon(1e-12));
    pirl.options.contrast.negatives.hardest = 2;
    CHECK(loss() < plain);
    pirl.options.contrast = {.beta = 1, .tau_plus = 0.05};
    CHECK(loss() != doctest::Approx(plain).epsilon(1e-3));
    pirl.options.form = NceForm::nce_paper;
    test::check_message(loss, {"pirl", "choice of negatives", "info_nce"});
  }
}

TEST_CASE("Z of the constant form is that of the first patches, stays, and belongs to the model") {
  PirlOptions o = small();
  o.form = NceForm::nce_constant;
  Pirl<float> pirl(o, rows_of_bank, Key{3});
  Batch batch;
  Input in;
  batch.image = test::converted<float>(in.images);
  batch.patches = test::converted<float>(in.patches);
  batch.index = in.index;
  pirl.options.negatives = 5;
  CHECK(pirl.z.value()[0] == 0);
  float pixel = std::exchange(batch.patches[3], std::nanf(""));
  Tape bad;
  CHECK(std::isnan(pirl.loss(bad, batch).loss.item()));
  CHECK(pirl.z.value()[0] == 0);  // a batch that the guard refuses does not fix Z
  batch.patches[3] = pixel;
  Tape first(Mode::train, Key{1}), second(Mode::train, Key{2});
  pirl.loss(first, batch);
  double z = pirl.z.value()[0];
  CHECK(z > 0);
  pirl.loss(second, batch);
  CHECK(pirl.z.value()[0] == z);
  bool found = false;
  nn::for_each_state(pirl, [&](const std::string& name, auto&) { found = found || name == "z"; });
  CHECK(found);
}

TEST_CASE("an untrained model starts at the expected loss") {
  Input in;
  for (NceForm form : {NceForm::info_nce, NceForm::nce_paper}) {
    PirlOptions o;
    o.encoder = small().encoder;
    o.form = form;
    o.negatives = 2000;
    double sum = 0, expected = losses::expected_initial_loss(o, o.negatives, o.dim);
    for (u64 seed = 0; seed < 40; ++seed) {
      Pirl<double> pirl(o, 2500, Key{seed});
      Tape tape(Mode::train, {}, Record::no);
      auto out = pirl(tape, in.images, in.patches);
      Tensor<i64> negatives = draw_negatives(in.index, 2500, {.count = o.negatives}, Key{seed});
      sum += losses::pirl(out.image, out.patches, pirl.bank.rows(), in.index, negatives, o).loss.item() / 40;
    }
    CHECK(std::abs(sum - expected) < 0.3);
  }
}

TEST_CASE("rotation: one piece and one linear layer, with the names and gradient of its own") {
  PirlOptions o = small();
  o.pretext = Pretext::rotation;
  Pirl<double> pirl(o, rows_of_bank, Key{3});
  Pirl<double> jigsaw(small(), rows_of_bank, Key{3});
  auto names = [](const Pirl<double>& p) {
    std::vector<std::string> heads;
    nn::for_each_parameter(p, [&](const std::string& name, auto&) {
      if (name.starts_with("head_jigsaw")) heads.push_back(name);
    });
    return heads;
  };
  CHECK(names(pirl) == std::vector<std::string>{"head_jigsaw.patch.weight", "head_jigsaw.patch.bias"});
  CHECK(names(jigsaw) == std::vector<std::string>{"head_jigsaw.patch.weight", "head_jigsaw.patch.bias",
                                                  "head_jigsaw.jigsaw.weight", "head_jigsaw.jigsaw.bias"});
  Input in;
  Batch batch;
  batch.image = test::converted<float>(in.images);
  batch.patches = test::randn<float>({samples, 1, 8, 8, 1}, 3);
  batch.index = in.index;
  pirl.options.negatives = 5;
  test::check_gradient(pirl, [&](Tape& tape) { return pirl.loss(tape, batch).loss; });
  Tape tape, other;
  auto out = pirl(tape, in.images, test::converted<double>(batch.patches));
  auto turned = constant(other, test::converted<double>(batch.patches).reshape({samples, 8, 8, 1}));
  CHECK(test::difference(out.patches.value(), l2_normalize(pirl.head_jigsaw.patch(pirl.encoder(turned))).value()) <
        1e-14);
  test::check_message([&] { pirl(tape, in.images, in.patches); }, {"pirl", "[3, 9, 4, 4, 1]", "[B, 1, P, P, C]"});
}

TEST_CASE("every pretext repeats: after a stop, with other threads") {
  data::Images images = test::pictures(16, 12, 1);
  for (Pretext pretext : {Pretext::jigsaw, Pretext::rotation, Pretext::jigsaw_rotation}) {
    CAPTURE(static_cast<int>(pretext));
    PirlOptions o = small();
    o.pretext = pretext;
    o.negatives = 6;
    o.form = NceForm::nce_constant;  // with Z among the states
    auto views = pretext::pirl_views(pretext, {.image = 12});
    test::check_training([&] { return Pirl<float>(o, 16, Key{1}); },
                         [&] { return Loader(images, views, {.batch = 4, .epochs = 2}, Key{5}); });
  }
}

TEST_CASE("patches of another shape are refused with the rule") {
  Pirl<double> pirl(small(), rows_of_bank, Key{3});
  Input in;
  Tape tape;
  test::check_message([&] { pirl(tape, in.images, Tensor<double>({samples, 8, 4, 4, 1})); },
                      {"pirl", "patches are [3, 8, 4, 4, 1]", "[B, 9, P, P, C]"});
  test::check_message([&] { pirl(tape, in.images, {}); }, {"pirl", "patches are [0]", "[B, 9, P, P, C]"});
}
