// The guards against the trivial solution, each across the methods that need it. Every test fails without its guard.
//
//   repulsion             from beside the constant solution rows move apart     (losses/contrast.cpp: each policy)
//   batch statistics      must not tell which query and key belong together             (methods/moco.cpp: the order)
//   stop of the gradient  keys are targets, and get none
//   self-exclusion        a sample is not its own negative    (losses/nt_xent.cpp, contrast.cpp, bank/memory_bank.cpp)
//   views that differ     pixel statistics must not tell them (pretext/jigsaw.cpp: gap, channels, grey, normalising)
#include <nacre/eval/metrics.hpp>
#include <nacre/losses/align_uniform.hpp>
#include <nacre/methods/cmc.hpp>
#include <nacre/methods/moco.hpp>
#include <nacre/methods/moco_v3.hpp>
#include <nacre/methods/pirl.hpp>
#include <nacre/methods/simclr.hpp>
#include <nacre/methods/supcon.hpp>
#include <nacre/methods/tracks.hpp>
#include <nacre/methods/video.hpp>
#include <nacre/pretext/frame_pairs.hpp>
#include <nacre/pretext/patches.hpp>
#include <nacre/pretext/two_views.hpp>

#include "check.hpp"

using namespace nacre;

namespace {

// Pictures of any size -> mean over pixels of relu(conv) -> 16 numbers.
struct Small {
  nn::Conv2d<double> conv;
  explicit Small(i64 channels = 3) : conv(channels, 16, 3, {.padding = 1}, Key{1}) {}
  i64 features() const { return 16; }
  Var<double> operator()(const Var<double>& x) const { return global_avg_pool(relu(conv(x))); }
  static void visit(auto& self, auto&& f) { f("conv", self.conv); }
};

// A last layer, linear or batch norm, that gives nearly the same row for everything.
template <class Layer>
void nearly_constant(Layer& last) {
  for (double& w : last.weight.value().span()) w *= 0.02;
  for (double& b : last.bias.value().span()) b = 1;
}

// Two views of n pictures of one colour each, a little noise on them; patches likewise. Each is a clip and a class.
Batch colored(i64 n, u64 seed) {
  Batch batch;
  Tensor<float> colors = test::randn<float>({n, 3}, 7 * seed + 1);
  auto fill = [&](const Shape& shape, i64 a_picture, u64 key) {
    Tensor<float> x = test::randn<float>(shape, key);
    for (i64 i = 0; i < x.size(); ++i) x[i] = 0.1f * x[i] + colors[i / a_picture % n * 3 + i % 3];
    return x;
  };
  batch.image = fill({2 * n, 4, 4, 3}, 48, 7 * seed + 2);
  batch.patches = fill({n, 9, 2, 2, 3}, 108, 7 * seed + 3);
  batch.index = batch.label = Tensor<i64>({n});
  batch.clip = Tensor<i64>({2 * n});
  batch.frame = Tensor<i64>::zeros({2 * n});
  for (i64 i = 0; i < n; ++i) batch.index[i] = i;
  for (i64 i = 0; i < 2 * n; ++i) batch.clip[i] = static_cast<i64>(seed) * n + i % n;
  return batch;
}

// How far a method's rows are spread before and after some steps.
struct Spread {
  double before, after;
};
template <class M, class Loss, class Next>
Spread spread_by(M& method, const Loss& loss, const Next& next, int steps, double lr) {
  optim::Sgd<double> sgd(method, {.momentum = 0.9});
  Spread s{};
  for (int step = 0; step <= steps; ++step) {
    Batch batch = next(static_cast<u64>(step));
    Tape tape(Mode::train, Key{static_cast<u64>(step)});
    Var<double> l = loss(tape, batch);
    (step == 0 ? s.before : s.after) = eval::spread(method.newest().a);
    backward(l);
    sgd.step(lr);
    method.after_step(batch);
  }
  return s;
}
template <class M, class Next>
Spread spread_by(M& method, const Next& next) {
  return spread_by(method, [&](Tape& tape, const Batch& b) { return method.loss(tape, b).loss; }, next, 300, 0.1);
}

// An encoder that sees one corner, which is black in all pictures, after batch norm: what it says are the statistics.
struct Corner {
  nn::BatchNorm<double> bn{32};
  i64 features() const { return 32; }
  Var<double> operator()(const Var<double>& x) const {
    return reshape(slice(reshape(bn(x), {x.dim(0), 4, 32}), 1, 0, 1), {x.dim(0), 32});
  }
  static void visit(auto& self, auto&& f) { f("bn", self.bn); }
};
Batch black_corners(i64 n, u64 seed) {
  Batch batch;
  batch.image = Tensor<float>({2 * n, 2, 2, 32});
  Tensor<float> one = test::randn<float>({n, 2, 2, 32}, seed);
  for (i64 i = 0; i < one.size(); ++i) batch.image[i] = batch.image[one.size() + i] = i % 128 < 32 ? 0 : one[i];
  return batch;
}

// How often the nearest other view by mean colour is of the same picture; views [2 n, .., 3].
double found_by_color(const Tensor<float>& views, i64 n) {
  i64 pixels = views.size() / (2 * n * 3), right = 0;
  Tensor<float> mean = Tensor<float>::zeros({2 * n, 3});
  for (i64 i = 0; i < views.size(); ++i) mean[i / (pixels * 3) * 3 + i % 3] += views[i] / static_cast<float>(pixels);
  for (i64 a = 0; a < n; ++a) {
    i64 best = 0;
    double least = 1e9;
    for (i64 b = 0; b < n; ++b) {
      double d = 0;
      for (i64 c = 0; c < 3; ++c) d += std::pow(mean[a * 3 + c] - mean[(n + b) * 3 + c], 2);
      if (d < least) {
        least = d;
        best = b;
      }
    }
    right += best == a;
  }
  return static_cast<double>(right) / static_cast<double>(n);
}

}  // namespace

TEST_CASE("repulsion: each method leaves the neighbourhood of the constant solution") {
  auto fresh = [](u64 step) { return colored(16, step); };
  auto leaves = [](const std::string& name, Spread s) {
    MESSAGE(name << ": spread " << s.before << " -> " << s.after << ", healthy " << 1 / std::sqrt(8.));
    CHECK_MESSAGE(s.before < 0.02, name);
    CHECK_MESSAGE(s.after > 0.1, name);
  };
  methods::Simclr<double, Small> simclr({.encoder = {}, .dim = 8}, Small(), Key{1});
  nearly_constant(simclr.head.layers.back().linear);
  auto attracted = simclr;
  leaves("SimCLR", spread_by(simclr, fresh));

  methods::MocoOptions mo{.encoder = {}, .dim = 8, .queue = 64, .groups = 1};
  auto queued = [&](auto method, const char* name) {
    nearly_constant(method.head.out);
    method.key_head = methods::momentum_copy(method.head);
    for (u64 i = 0; i < 4; ++i) {  // keys alike in the queue as well
      Batch batch = colored(16, 1000 + i);
      Tape tape;
      method.loss(tape, batch);
      method.after_step(batch);
    }
    leaves(name, spread_by(method, fresh));
  };
  queued(methods::Moco<double, Small>(mo, Small(), Key{1}), "MoCo");
  methods::VinceOptions vo;
  vo.dim = 8;
  vo.queue = 64;
  queued(methods::Vince<double, Small>(vo, Small(), Key{1}), "VINCE");

  methods::SupConOptions so;
  so.dim = 8;
  methods::SupCon<double, Small> supcon(so, Small(), Key{1});
  nearly_constant(supcon.head.layers.back().linear);
  leaves("SupCon", spread_by(supcon, fresh));

  methods::VideoContrastOptions no;
  no.dim = 8;
  methods::VideoContrast<double, Small> video(no, Small(), Key{1});
  nearly_constant(video.head.out);
  leaves("video", spread_by(video, fresh));

  methods::TracksOptions to;
  to.dim = 8;
  methods::Tracks<double, Small> tracks(to, Small(), Key{1});
  nearly_constant(tracks.head.out);
  leaves("tracks", spread_by(tracks, fresh));

  methods::MocoV3Options v3o{.encoder = {}, .hidden = 16, .dim = 8};
  methods::MocoV3<double, Small> v3(v3o, Small(), Key{1});
  nearly_constant(v3.predictor.layers.back().linear);
  nearly_constant(v3.projector.layers.back().bn);
  v3.key_projector = methods::momentum_copy(v3.projector);
  leaves("MoCo v3", spread_by(v3, fresh));

  for (double lambda : {0.5, 0.0}) {
    methods::PirlOptions o;
    o.lambda = lambda;
    o.dim = 8;
    o.negatives = 12;
    methods::Pirl<double, Small> pirl(o, Small(), 16, Key{1});
    nearly_constant(pirl.head_image.out);
    nearly_constant(pirl.head_jigsaw.jigsaw);
    Batch same = colored(16, 1);
    same.image = same.image.rows(0, 16).clone();
    Tape tape;
    pirl.bank.assign(same.index, pirl.embed_image(cast<double>(constant(tape, same.image))).value());
    leaves(lambda > 0 ? "PIRL" : "NPID", spread_by(pirl, [&](u64) { return same; }));
  }

  methods::CmcOptions co;
  co.dim = 8;
  co.negatives = 12;
  models::ColorPair<double, Small> pair(Small(1), Small(2), {{0, 0, 0}, {1, 1, 1}});
  methods::Cmc<double, Small> cmc(co, pair, 16, Key{1});
  nearly_constant(cmc.head_luma.layers.back().bn);
  nearly_constant(cmc.head_chroma.layers.back().bn);
  Batch once = colored(16, 1);
  once.image = once.image.rows(0, 16).clone();
  methods::encode_banks(cmc, [&](i64, i64) { return test::converted<double>(once.image); });
  leaves("CMC", spread_by(cmc, [&](u64) { return once; }));
  CHECK(eval::spread(cmc.newest().b) > 0.1);  // the colours, too

  auto pull = [&](Tape& tape, const Batch& b) {
    Var<double> z = attracted.embed(tape, b);
    return losses::alignment(slice(z, 0, 0, 16), slice(z, 0, 16, 32));
  };
  Spread without = spread_by(attracted, pull, fresh, 300, 0.1);
  CHECK(without.after < 0.02);
}

TEST_CASE("batch statistics: MoCo's pretext is solved by them alone in one group, and not in its default groups") {
  auto loss = [](i64 groups) {
    methods::MocoOptions o{
        .encoder = {}, .dim = 32, .queue = 512, .contrast = {.temperature = 0.1}, .groups = groups};
    methods::Moco<double, Corner> moco(o, Corner(), Key{1});
    moco.head.out.bias.value().fill(0);  // says the same of all
    moco.key_head = methods::momentum_copy(moco.head);
    double of_chance = 0;
    for (u64 step = 0; step < 4; ++step) {
      Tape tape(Mode::train, Key{step});
      of_chance = moco.loss(tape, black_corners(256, step)).loss.item() / moco.expected_loss(256);
      moco.after_step({});
    }
    return of_chance;
  };
  double leaking = loss(1), shuffled = loss(methods::MocoOptions{}.groups);
  MESSAGE("loss, of what chance costs: in one group " << leaking << ", in shuffled groups " << shuffled);
  CHECK(leaking < 0.3);
  CHECK(shuffled > 0.85);
}

TEST_CASE("batch statistics: where all rows share one batch norm, or norms look at one picture, nothing is told") {
  Batch batch = black_corners(16, 1);
  methods::Simclr<double, Corner> simclr({.encoder = {}, .dim = 8}, Corner(), Key{1});
  Tape tape;
  CHECK(simclr.loss(tape, batch).loss.item() == doctest::Approx(simclr.expected_loss(16)).epsilon(1e-9));

  methods::VinceOptions o;  // keys in one group, so the norm must be of a picture
  o.encoder = {.depth = 18, .width = 2, .in_channels = 3, .norm = o.encoder.norm};
  methods::Vince<double> vince(o, Key{1});
  auto x = constant(tape, test::randn({4, 32, 32, 3}, 1));
  CHECK(test::difference(vince.embed_key(x).value().rows(0, 2), vince.embed_key(slice(x, 0, 0, 2)).value()) < 1e-12);
}

TEST_CASE("stop of the gradient: keys get none even where nothing else keeps the copy from training") {
  auto keys_are_targets = [](auto method, const Batch& batch) {
    nn::for_each_parameter(method, [](const std::string&, Parameter<double>& p) { p.node()->needs_grad = true; });
    Tape tape(Mode::train, Key{1});
    backward(method.loss(tape, batch).loss);
    i64 queries = 0;
    nn::for_each_parameter(method, [&](const std::string& name, Parameter<double>& p) {
      bool key = name.find("key_") != std::string::npos;
      queries += !key;
      CHECK_MESSAGE(p.node()->has_grad != key, name);
    });
    CHECK(queries > 0);
  };
  Batch batch = colored(8, 1);
  keys_are_targets(methods::Moco<double, Small>({.encoder = {}, .groups = 2}, Small(), Key{1}), batch);
  keys_are_targets(methods::MocoV3<double, Small>({}, Small(), Key{1}), batch);
  keys_are_targets(methods::Vince<double, Small>({}, Small(), Key{1}), batch);
}

TEST_CASE("self-exclusion: by default PIRL and NPID never push a picture from its own memory") {
  for (bool shared : {false, true})
    for (double lambda : {0.5, 0.0}) {
      methods::PirlOptions o;
      o.lambda = lambda;
      o.dim = 8;
      o.negatives = 7;
      o.shared_negatives = shared;
      methods::Pirl<double, Small> pirl(o, Small(), 8, Key{1});
      // The picture's row is at its memory, all other memories opposite: as good as can be.
      pirl.head_image.out.bias.value().fill(0);
      pirl.head_image.out.bias.value()[0] = 1e6;
      Batch all = colored(8, 1), one;
      for (i64 own = 0; own < 8; ++own) {
        auto memory = Tensor<double>::zeros({8, 8});
        for (i64 i = 0; i < 8; ++i) memory[i * 8] = i == own ? 1 : -1;
        pirl.bank.assign(all.index, memory);
        one.image = all.image.rows(own, own + 1).clone();
        one.patches = all.patches.rows(own, own + 1).clone();
        one.index = Tensor<i64>::of({1}, {own});
        Tape tape(Mode::train, Key{static_cast<u64>(own)});
        CHECK(pirl.loss(tape, one).image.item() < 1e-6);  // log 2 or more if it were pushed from itself
      }
    }
}

TEST_CASE("views that differ: mean colour finds the other view unless colours are jittered") {
  const i64 n = 64;
  Tensor<u8> pixels({n, 32, 32, 3});
  Random random(Key{1});
  for (i64 i = 0; i < n; ++i) {
    u8 color[3];
    for (u8& c : color) c = static_cast<u8>(60 + random.below(120));
    for (i64 p = 0; p < 32 * 32 * 3; ++p) pixels[i * 3072 + p] = static_cast<u8>(color[p % 3] + random.below(40));
  }
  data::Images images = data::make_images(pixels);
  auto first = [&](const auto& views) {
    Loader loader(images, views, {.batch = n, .normalization = {{0, 0, 0}, {1, 1, 1}}}, Key{2});
    return *loader.next();
  };
  auto two = [&](const data::Augment& a) {
    return found_by_color(first(pretext::two_views({.image = 16, .augment = a})).image, n);
  };
  auto pieces = [&](const Tensor<float>& patches) {  // the first two of each picture
    i64 a_piece = patches.dim(2) * patches.dim(3) * 3, pieces_of = patches.dim(1);
    Tensor<float> views({2 * n, a_piece});
    for (i64 v = 0; v < 2 * n; ++v)
      std::copy_n(patches.data() + (v % n * pieces_of + v / n) * a_piece, a_piece, views.data() + v * a_piece);
    return found_by_color(views, n);
  };
  std::vector<data::Video> films;  // of one frame each: its partner is itself, seen otherwise
  for (i64 i = 0; i < n; ++i) films.push_back({pixels.rows(i, i + 1).clone(), "film", 25});
  auto clips = std::make_shared<const data::Clips>(data::make_clips(films));
  auto frames = [&](pretext::FramePairViews v) {
    v.clips = clips;
    v.image = 16;
    Loader loader(clips->frames, v, {.batch = n, .normalization = {{0, 0, 0}, {1, 1, 1}}}, Key{2});
    return found_by_color(loader.next()->image, n);
  };
  data::Augment plain = data::simclr();
  plain.color = data::identity.color;
  pretext::PatchViews cut;
  pretext::JigsawViews jigsaw{.image = 32};
  pretext::FramePairViews bare;
  bare.augment = plain;
  double with[] = {two(data::simclr()), frames({}), pieces(first(pretext::patch_views(cut)).patches),
                   pieces(first(pretext::jigsaw_views(jigsaw)).patches)};
  cut.patch_color = jigsaw.patch_color = jigsaw.augment.color = data::identity.color;
  double without[] = {two(plain), frames(bare), pieces(first(pretext::patch_views(cut)).patches),
                      pieces(first(pretext::jigsaw_views(jigsaw)).patches)};
  for (int i = 0; i < 4; ++i) {
    MESSAGE("found by mean colour: with jitter " << with[i] << ", without " << without[i]);
    CHECK(without[i] > 0.8);
    CHECK(with[i] < 0.35);
  }
}
