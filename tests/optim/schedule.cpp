#include "../helpers.hpp"

#include <nacre/optim/schedule.hpp>

using namespace nacre;
using namespace nacre::optim;

TEST_CASE("cosine starts at lr, is half at the middle, falls all the way and is 0 at the end") {
  CHECK(cosine(0.4, 0, 100) == doctest::Approx(0.4).epsilon(1e-12));
  CHECK(cosine(0.4, 50, 100) == doctest::Approx(0.2).epsilon(1e-12));
  CHECK(std::abs(cosine(0.4, 100, 100)) < 1e-13);
  CHECK(std::abs(cosine(0.4, 1000, 100)) < 1e-13);
  for (i64 s = 0; s < 100; ++s) {
    CHECK(cosine(0.4, s, 100) > cosine(0.4, s + 1, 100));
    double exact = 0.2 * (1 + std::cos(3.14159265358979323846 * static_cast<double>(s) / 100));
    CHECK(std::abs(cosine(0.4, s, 100) - exact) < 1e-13);
  }
}

TEST_CASE("warm-up rises in a line to lr, then the schedule runs over the steps that are left") {
  for (i64 s = 0; s < 10; ++s) CHECK(cosine(0.5, s, 110, 10) == doctest::Approx(0.05 * static_cast<double>(s + 1)));
  CHECK(cosine(0.5, 10, 110, 10) == doctest::Approx(0.5));
  CHECK(cosine(0.5, 60, 110, 10) == doctest::Approx(0.25));
  CHECK(constant(0.5, 0, 4) == doctest::Approx(0.125));
  CHECK(constant(0.5, 4, 4) == 0.5);
  CHECK(constant(0.5, 1'000'000) == 0.5);
  CHECK(cosine(0.5, 3, 3, 5) == doctest::Approx(0.4));  // all warm-up
}

TEST_CASE("step_decay multiplies at each milestone") {
  const i64 milestones[] = {30, 60};
  CHECK(step_decay(1.0, 29, milestones) == 1.0);
  CHECK(step_decay(1.0, 30, milestones) == doctest::Approx(0.1));
  CHECK(step_decay(1.0, 60, milestones) == doctest::Approx(0.01));
  CHECK(step_decay(1.0, 60, milestones, 0.5) == 0.25);
  CHECK(step_decay(1.0, 0, milestones, 0.1, 10) == doctest::Approx(0.1));
}

TEST_CASE("a rate has the same bits on every machine") {  // Python's, from the same series
  CHECK(cosine(0.06, 12'345, 99'999, 500) == 0x1.da8828a1213f9p-5);
  CHECK(cosine(0.06, 77'777, 99'999, 500) == 0x1.d06b0fbd0c86fp-8);
}
