// Definitions of core/parallel.hpp: the only place in the core that includes oneTBB.
#pragma once

#include <nacre/core/parallel.hpp>

#include <algorithm>
#include <memory>
#include <thread>

// oneTBB asks for all of <immintrin.h> to get one pause instruction: 100 MB and 0.3 s of every compilation with g++.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(_IMMINTRIN_H_INCLUDED)
#include <xmmintrin.h>
#define _IMMINTRIN_H_INCLUDED
#define NACRE_SMALL_IMMINTRIN
#endif
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#ifdef NACRE_SMALL_IMMINTRIN
#undef _IMMINTRIN_H_INCLUDED
#undef NACRE_SMALL_IMMINTRIN
#endif

namespace nacre::detail {

struct Arenas {
  int threads = 0;
  std::unique_ptr<tbb::global_control> limit;
  std::unique_ptr<tbb::task_arena> compute, load;

  void resize(int n) {
    threads = n > 0 ? n : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    compute.reset();
    load.reset();
    limit = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism,
                                                  static_cast<std::size_t>(2 * threads));
    compute = std::make_unique<tbb::task_arena>(threads);
    load = std::make_unique<tbb::task_arena>(threads);
  }
};
inline Arenas& arenas() {
  static Arenas* a = [] {
    auto* made = new Arenas;  // never destroyed: worker threads may still be leaving at exit
    made->resize(0);
    return made;
  }();
  return *a;
}

NACRE_INLINE bool& on_load_arena() {
  thread_local bool on = false;
  return on;
}

NACRE_INLINE void run_tasks(i64 tasks, void (*call)(void*, i64), void* context) {
  Arenas& a = arenas();
  if (a.threads == 1) {
    for (i64 i = 0; i < tasks; ++i) call(context, i);
    return;
  }
  bool loading = on_load_arena();
  (loading ? a.load : a.compute)->execute([&] {
    tbb::parallel_for(
        tbb::blocked_range<i64>(0, tasks, 1),
        [&](const tbb::blocked_range<i64>& r) {
          bool before = std::exchange(on_load_arena(), loading);  // a nested loop stays in its arena
          for (i64 i = r.begin(); i < r.end(); ++i) call(context, i);
          on_load_arena() = before;
        },
        tbb::simple_partitioner());
  });
}

}  // namespace nacre::detail

namespace nacre {

NACRE_INLINE void set_threads(int n) { detail::arenas().resize(n); }
NACRE_INLINE int threads() { return detail::arenas().threads; }

}  // namespace nacre
