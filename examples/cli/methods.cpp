#include "methods.hpp"

#include <nacre/methods/cmc.hpp>
#include <nacre/methods/cpc.hpp>
#include <nacre/methods/jigsaw.hpp>
#include <nacre/methods/moco.hpp>
#include <nacre/methods/moco_v3.hpp>
#include <nacre/methods/pirl.hpp>
#include <nacre/methods/rotnet.hpp>
#include <nacre/methods/supcon.hpp>
#include <nacre/methods/supervised.hpp>
#include <nacre/pretext/rotation.hpp>
#include <nacre/pretext/two_views.hpp>

namespace cli {

namespace {

namespace methods = nc::methods;

template <class M>
Learner learner(M method) {
  return {methods::AnyMethod(std::move(method)),
          [](const methods::AnyMethod& any) -> Encoder { return any.as<M>()->encoder; },
          {},
          {},
          {}};
}

nc::losses::ContrastOptions contrast(const Config& c) {
  return {.temperature = c.temperature,
          .negatives = {.semi_hard = c.semi_hard, .ring = c.ring, .hardest = c.hardest},
          .beta = c.beta,
          .tau_plus = c.tau_plus};
}

nc::pretext::Pretext pretext_of(const Config& c) {
  using nc::pretext::Pretext;
  return c.pretext == "rotation"          ? Pretext::rotation
         : c.pretext == "jigsaw-rotation" ? Pretext::jigsaw_rotation
                                          : Pretext::jigsaw;
}

nc::i64 classes_of(const nc::data::Images& images) {
  nc::i64 classes = static_cast<nc::i64>(images.classes.size());
  for (nc::i64 label : images.labels.span()) classes = std::max(classes, label + 1);
  return classes;
}

nc::losses::NceForm nce_form(const Config& c) {
  using nc::losses::NceForm;
  return c.loss == "info_nce"    ? NceForm::info_nce
         : c.loss == "nce_paper" ? NceForm::nce_paper
                                 : NceForm::nce_constant;
}

// --- PIRL and NPID

methods::PirlOptions pirl_options(const Config& c) {
  methods::PirlOptions o;
  o.lambda = c.method == "npid" ? 0 : c.lambda;
  o.temperature = c.temperature;
  o.form = nce_form(c);
  o.exclude_self = !c.include_self;
  o.encoder = encoder_options(c);
  o.pretext = pretext_of(c);
  o.dim = c.dim;
  o.negatives = c.negatives;
  o.shared_negatives = c.shared_negatives;
  o.mlp_head = c.head == "mlp";
  o.bank_momentum = c.bank_momentum;
  o.contrast = contrast(c);
  return o;
}

Learner pirl(const Config& c, const nc::data::Images& images, nc::Key key) {
  using Pirl = methods::Pirl<float>;
  Learner l = learner(Pirl(pirl_options(c), images.size(), key));
  if (c.bank_init == "encode")
    l.start = [](methods::AnyMethod& any, const Pictures& pictures) {
      methods::encode_bank(*any.as<Pirl>(), pictures);
    };
  if (c.pretext == "rotation" || pirl_options(c).lambda == 0) return l;
  l.patch_head = [](methods::AnyMethod& any, const nc::Tensor<float>& patches) {
    nc::Tape tape(nc::Mode::train, {}, nc::Record::no);
    return any.as<Pirl>()->embed_patches(tape, patches).value();
  };
  l.picture_head = [](methods::AnyMethod& any, const nc::Tensor<float>& x) {
    nc::Tape tape(nc::Mode::train, {}, nc::Record::no);
    return any.as<Pirl>()->embed_image(constant(tape, x)).value();
  };
  return l;
}

// --- the others

methods::JigsawOptions jigsaw_options(const Config& c) {
  return {.encoder = encoder_options(c),
          .permutations = c.permutations,
          .spread = c.spread == "max_avg" ? nc::pretext::Spread::max_avg : nc::pretext::Spread::max_min,
          .hidden = c.dim};
}
Learner jigsaw(const Config& c, const nc::data::Images&, nc::Key key) {
  Learner l = learner(methods::Jigsaw<float>(jigsaw_options(c), key));
  l.patch_head = [](methods::AnyMethod& any, const nc::Tensor<float>& patches) {
    nc::Tape tape(nc::Mode::train, {}, nc::Record::no);
    return any.as<methods::Jigsaw<float>>()->scores(tape, patches).value();
  };
  return l;
}
Learner rotnet(const Config& c, const nc::data::Images&, nc::Key key) {
  return learner(methods::RotNet<float>({.encoder = encoder_options(c)}, key));
}

template <class M, class Options>
Learner simclr(const Config& c, const nc::data::Images&, nc::Key key) {
  Options o;
  o.encoder = encoder_options(c);
  o.dim = c.dim;
  o.contrast = contrast(c);
  o.chunk = c.chunk;
  return learner(M(o, key));
}
Learner moco(const Config& c, const nc::data::Images&, nc::Key key) {
  return learner(methods::Moco<float>({.encoder = encoder_options(c),
                                       .dim = c.dim,
                                       .queue = c.negatives,
                                       .contrast = contrast(c),
                                       .momentum = c.encoder_momentum,
                                       .mlp_head = c.head == "mlp",
                                       .groups = c.groups,
                                       .mix_negatives = c.mochi},
                                      key));
}
Learner moco_v3(const Config& c, const nc::data::Images&, nc::Key key) {
  return learner(methods::MocoV3<float>({.encoder = encoder_options(c),
                                         .hidden = 8 * c.width,
                                         .dim = c.dim,
                                         .contrast = contrast(c),
                                         .momentum = c.encoder_momentum},
                                        key));
}
Learner cmc(const Config& c, const nc::data::Images& images, nc::Key key) {
  using Cmc = methods::Cmc<float>;
  methods::CmcOptions o;
  o.encoder = encoder_options(c);
  o.dim = c.dim;
  o.negatives = c.negatives;
  o.nce = {.form = nce_form(c), .temperature = c.temperature, .contrast = contrast(c)};
  o.bank_momentum = c.bank_momentum;
  Learner l = learner(Cmc(o, images.size(), c.normalization, key));
  if (c.bank_init == "encode")
    l.start = [](methods::AnyMethod& any, const Pictures& pictures) {
      methods::encode_banks(*any.as<Cmc>(), pictures);
    };
  return l;
}
nc::pretext::PatchViews cpc_patches(const Config& c) {
  return nc::pretext::patch_views({.image = c.image_size, .patch_color = augment_options(c.augment).color});
}
Learner cpc(const Config& c, const nc::data::Images&, nc::Key key) {
  nc::pretext::PatchViews views = cpc_patches(c);
  methods::CpcOptions o;
  o.encoder = encoder_options(c);
  o.grid = views.grid();
  o.skip = views.shared_rows();
  o.offsets = std::min<nc::i64>(o.offsets, o.grid - 1 - o.skip);
  o.contrast = contrast(c);
  return learner(methods::Cpc<float>(o, key));
}
Learner supervised(const Config& c, const nc::data::Images& images, nc::Key key) {
  return learner(methods::Supervised<float>({.encoder = encoder_options(c), .classes = classes_of(images)}, key));
}

// --- views

template <class Views>
nc::Loader load(const nc::data::Images& images, const Views& views, const nc::LoaderOptions& o, nc::Key key) {
  return nc::Loader(images, views, o, key);
}
nc::Loader one_view(const nc::data::Images& images, const Config& c, const nc::LoaderOptions& o, nc::Key key) {
  return load(images, nc::pretext::one_view({.image = c.image_size, .augment = augment_options(c.augment)}), o, key);
}
nc::Loader one_crop(const nc::data::Images& images, const Config& c, const nc::LoaderOptions& o, nc::Key key) {
  nc::data::Augment crop{augment_options(c.augment).crop, nc::data::identity.color};
  return load(images, nc::pretext::one_view({.image = c.image_size, .augment = crop}), o, key);
}
nc::Loader two_views(const nc::data::Images& images, const Config& c, const nc::LoaderOptions& o, nc::Key key) {
  return load(images, nc::pretext::two_views({.image = c.image_size, .augment = augment_options(c.augment)}), o, key);
}
nc::pretext::JigsawViews jigsaw_base(const Config& c) {
  nc::data::Augment augment = augment_options(c.augment);
  return {.image = c.image_size, .augment = augment, .patch_color = augment.color};
}
nc::Loader pirl_views(const nc::data::Images& images, const Config& c, const nc::LoaderOptions& o, nc::Key key) {
  if (c.lambda == 0) return one_view(images, c, o, key);
  return load(images, nc::pretext::pirl_views(pretext_of(c), jigsaw_base(c)), o, key);
}
nc::Loader puzzle_views(const nc::data::Images& images, const Config& c, const nc::LoaderOptions& o, nc::Key key) {
  nc::pretext::JigsawViews views = jigsaw_base(c);
  views.with_image = false;
  views.permutations = methods::puzzle_set(jigsaw_options(c), key);
  return load(images, nc::pretext::jigsaw_views(views), o, key);
}
nc::Loader grid_of_patches(const nc::data::Images& images, const Config& c, const nc::LoaderOptions& o, nc::Key key) {
  return load(images, cpc_patches(c), o, key);
}
nc::Loader rotations(const nc::data::Images& images, const Config& c, const nc::LoaderOptions& o, nc::Key key) {
  return load(images, nc::pretext::rotation_views({.image = c.image_size, .augment = augment_options(c.augment)}), o,
              key);
}

// --- pictures a sample

// Where the side is not chosen yet, of a picture of 64 pixels: the proportion is much the same at other sides.
double nine_patches(const Config& c) {
  nc::pretext::JigsawViews views = nc::pretext::jigsaw_views({.image = c.image_size > 0 ? c.image_size : 64});
  return 9.0 * static_cast<double>(views.patch * views.patch) / static_cast<double>(views.image * views.image);
}
double pirl_pictures(const Config& c) {
  return c.lambda == 0 ? 1 : c.pretext == "rotation" ? 2 : 1 + nine_patches(c);
}
double cpc_pictures(const Config& c) {
  nc::pretext::PatchViews views = nc::pretext::patch_views({.image = c.image_size > 0 ? c.image_size : 64});
  const nc::i64 across = views.grid() * views.patch;
  return static_cast<double>(across * across) / static_cast<double>(views.image * views.image);
}
template <int thirds>
double pictures(const Config&) {
  return thirds / 3.0;
}

// The options that mean something to a method, beside those that every training has.
const std::string scores = "temperature hardest semi-hard ring beta tau-plus ";
const std::string bank = scores + "dim negatives bank-momentum bank-init loss ";
const std::string npid = bank + "head shared-negatives include-self ";
const std::string two_encoders = scores + "dim encoder-momentum ";
const std::string queue = two_encoders + "head negatives groups mochi ";

struct Row {
  const char* name;
  std::string takes;
  double temperature;
  const char* head;
  bool labels;  // needs them
  nc::Loader (*views)(const nc::data::Images&, const Config&, const nc::LoaderOptions&, nc::Key);
  Learner (*make)(const Config&, const nc::data::Images&, nc::Key);
  double (*pictures)(const Config&);
};

using methods::SupCon, methods::SupConOptions, methods::Simclr, methods::SimclrOptions;
const Row table[] = {
    {"pirl", npid + "lambda pretext ", 0.1, "linear", false, pirl_views, pirl, pirl_pictures},
    {"npid", npid, 0.1, "linear", false, one_view, pirl, pictures<3>},
    {"jigsaw", "dim permutations spread ", 0.1, "linear", false, puzzle_views, jigsaw, nine_patches},
    {"rotnet", "", 0.1, "linear", false, rotations, rotnet, pictures<12>},
    {"simclr", scores + "dim chunk ", 0.5, "mlp", false, two_views, simclr<Simclr<float>, SimclrOptions>, pictures<6>},
    {"moco", queue, 0.07, "linear", false, two_views, moco, pictures<4>},
    {"moco-v2", queue, 0.2, "mlp", false, two_views, moco, pictures<4>},
    {"moco-v3", two_encoders, 0.2, "mlp", false, two_views, moco_v3, pictures<8>},
    {"cpc", scores, 1, "linear", false, grid_of_patches, cpc, cpc_pictures},
    {"cmc", bank, 0.07, "linear", false, one_crop, cmc, pictures<6>},
    {"supcon", scores + "dim chunk ", 0.1, "mlp", true, two_views, simclr<SupCon<float>, SupConOptions>, pictures<6>},
    {"supervised", "", 0.1, "linear", true, one_view, supervised, pictures<3>},
};

const Row& row_of(const Pretrain& c) {
  for (const Row& row : table)
    if (c.method == row.name) return row;
  nc::fail<nc::DataError>("method", "there is no method '" + c.method + "'");
}

bool takes(const Row& row, const std::string& option) {
  return (" " + row.takes).find(" " + option + " ") != std::string::npos;
}
std::string names_of(const std::string& option, bool taken) {
  std::string names;
  for (const Row& row : table)
    if (takes(row, option) == taken) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

}  // namespace

const std::vector<std::string>& method_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Row& row : table) all.push_back(row.name);
    return all;
  }();
  return names;
}

void take_defaults(Config& c) {
  const Row& row = row_of(c);
  if (!c.is_given("temperature")) c.temperature = row.temperature;
  if (!c.is_given("head")) c.head = row.head;
  if (!c.is_given("norm") && row.make == cpc) c.norm = "layer";  // batch norm would tell patches of one another
}

std::vector<std::string> idle_options(const Pretrain& o) {
  std::vector<std::string> idle;
  for (const std::string& option : o.given) {
    bool of_some = std::any_of(std::begin(table), std::end(table), [&](const Row& row) { return takes(row, option); });
    if (of_some && !takes(row_of(o), option)) idle.push_back(option);
  }
  return idle;
}

std::string takers(const std::string& option) {
  std::string those = names_of(option, true), others = names_of(option, false);
  return those.size() > others.size() ? "all but " + others : those;
}

void refuse_option(const std::string& option, const std::string& where) {
  std::string names = names_of(option, true);
  if (std::size_t last = names.rfind(", "); last != std::string::npos) names.replace(last, 1, " and");
  nc::fail(option, "--" + option + " is for " + names + ", not " + where + "; leave it out");
}

double pictures_a_sample(const Config& c) { return row_of(c).pictures(c); }

bool needs_labels(const Config& c) { return row_of(c).labels; }
bool trains_pair(const Config& c) { return row_of(c).make == cmc; }
Encoder untrained_encoder(const Config& c) {
  nc::Key key = nc::Key{static_cast<nc::u64>(c.seed)}.fold("encoder");
  if (trains_pair(c)) return Encoder::ColorPair(encoder_options(c), c.normalization, key);
  return Encoder::ResNet(encoder_options(c), key);
}

bool has_bank(const Config& c) { return row_of(c).make == pirl || trains_pair(c); }
bool has_queue(const Config& c) { return row_of(c).make == moco; }
bool all_negatives(const Config& c) { return contrast(c).plain(); }
double untrained_loss(const Config& c) {
  return nc::losses::expected_initial_loss(pirl_options(c), c.negatives, c.dim);
}

void check_views(const Config& c, const nc::data::Images& images) {
  auto make = row_of(c).make;
  nc::check<nc::DataError>(make != cmc || images.channels == 3, "method", [&] {
    return c.method + " tells lightness and colours apart, and the pictures of " + c.data + " are grey";
  });
  if (c.image_size == 0) return;  // chosen later, and large enough
  bool nine = make == jigsaw || (make == pirl && pirl_options(c).lambda > 0 && c.pretext != "rotation");
  nc::i64 patch = make == cpc ? cpc_patches(c).patch
                  : nine      ? nc::pretext::jigsaw_views({.image = c.image_size}).patch
                              : 2;
  nc::check(patch >= 2, "image-size", [&] {
    return "--image-size " + std::to_string(c.image_size) + " leaves patches of one pixel; raise it";
  });
}

std::string source_of(const Config& c, const nc::data::Images& images) {
  return c.data + (c.limit == images.size() ? " that --limit leaves" : "");
}
void check_method(const Config& c, const nc::data::Images& images) {
  auto make = row_of(c).make;
  check_views(c, images);
  nc::check(make != moco || c.groups == 1 || c.batch / c.groups >= 2, "groups", [&] {
    return "--batch " + std::to_string(c.batch) + " in --groups " + std::to_string(c.groups) +
           "; a group needs two pictures, or there is one group";
  });
  nc::check(contrast(c).plain() || !has_bank(c) || c.loss == "info_nce", "loss", [] {
    return std::string("--hardest, --semi-hard, --ring, --beta and --tau-plus need --loss info_nce");
  });
  nc::check(make != cmc || c.loss != "nce_paper", "loss",
            [] { return std::string("cmc needs --loss info_nce or nce_constant"); });
  nc::check(c.chunk != 1 || c.norm != "batch", "chunk", [] {
    return std::string("--chunk 1 leaves batch norm nothing to take statistics of; raise it, or choose --norm group");
  });
  nc::check<nc::DataError>(!needs_labels(c) || images.labelled(), "method",
                           [&] { return c.method + " learns from labels, and " + c.data + " has none to train on"; });
  nc::check(!has_bank(c) || c.negatives < images.size(), "negatives", [&] {
    return "--negatives " + std::to_string(c.negatives) + " is not below the " + std::to_string(images.size()) +
           " pictures of " + source_of(c, images) + "; lower it";
  });
}

Learner make_learner(const Config& c, const nc::data::Images& images, nc::Key key) {
  return row_of(c).make(c, images, key);
}
nc::Loader make_loader(const nc::data::Images& images, const Config& c, nc::LoaderOptions options, nc::Key key) {
  return row_of(c).views(images, c, options, key);
}

}  // namespace cli
