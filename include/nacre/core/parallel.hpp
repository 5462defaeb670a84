// parallel_for(n, grain, f): f(begin, end) over [0, n) in pieces of `grain`, on oneTBB.
//
// The grid depends on n and grain only, never on the thread count; pieces must not write to one another's
// output. One compiled loop serves every caller, so no TBB header is seen here.
//
// There are two arenas: computing uses `threads()` threads; a loader runs its thread inside `LoadArena`, so that
// it never steals the training threads. Exceptions of f reach the caller. Tested in tests/core/parallel.cpp.
#pragma once

#include <nacre/core/config.hpp>

#include <memory>

namespace nacre {

NACRE_INLINE void set_threads(int n);  // 0: one per core. Not while work is running.
NACRE_INLINE int threads();

namespace detail {
NACRE_INLINE void run_tasks(i64 tasks, void (*call)(void*, i64), void* context);
NACRE_INLINE bool& on_load_arena();  // of this thread
}  // namespace detail

// While it lives, parallel_for on this thread runs in the loading arena.
struct LoadArena {
  LoadArena() : before_(detail::on_load_arena()) { detail::on_load_arena() = true; }
  ~LoadArena() { detail::on_load_arena() = before_; }
  LoadArena(const LoadArena&) = delete;

 private:
  bool before_;
};

template <class F>
void parallel_for(i64 n, i64 grain, const F& f) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  i64 tasks = (n + grain - 1) / grain;
  if (tasks == 1) {
    f(i64{0}, n);
    return;
  }
  struct Context {
    const F* f;
    i64 n, grain;
  } context{&f, n, grain};
  detail::run_tasks(
      tasks,
      [](void* p, i64 task) {
        auto& c = *static_cast<Context*>(p);
        i64 begin = task * c.grain;
        (*c.f)(begin, begin + c.grain < c.n ? begin + c.grain : c.n);
      },
      &context);
}

}  // namespace nacre

#if NACRE_DEFINITIONS
#include <nacre/core/parallel_impl.hpp>
#endif
