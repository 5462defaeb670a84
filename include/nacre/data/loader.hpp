// Loader: a range of batches, filled one ahead by a background thread in the loading arena (core/parallel.hpp).
//
//   Loader loader(images, pretext::jigsaw_views({.image = 32}), {.batch = 128, .epochs = 16}, key);
//   for (Batch& batch : loader) { ... }
//
// Epoch e visits sample permute(key.fold("order").fold(e), position, N) at each position; a view's draws come from
// key.fold("augment").fold(e).fold(sample). So the run can start at any step (`seek`), and the bits do not depend on
// the thread count. The last N mod B of an epoch's order are left out, others in every epoch. For a picture whose file
// cannot be read (Images::unreadable) the next of the set that can be stands in, index and label too; a file that comes
// and goes does change the bits. A batch is good until the next one is asked for; a tensor that somebody still holds
// then is replaced, not overwritten. Two batches exist; after the second nothing is allocated. Errors while filling,
// and a set of which nothing can be read, are thrown to the consumer. `Views` is any copyable type with
//   void prepare(Batch&, i64 batch, i64 channels) const;                                          // shapes
//   void fill(Batch&, i64 row, const data::Picture&, const data::Normalization&, Key) const;      // thread-safe
// Throws nacre::Error. Tested in tests/data/loader.cpp.
#pragma once

#include <nacre/data/batch.hpp>

#include <memory>

namespace nacre {

struct LoaderOptions {
  i64 batch = 128;
  i64 epochs = 1;
  data::Normalization normalization{};  // not known: computed over the images
};

class Loader {
 public:
  template <class Views>
  Loader(const data::Images& images, const Views& views, const LoaderOptions& options, Key key)
      : Loader(images,
               Source{std::make_shared<Views>(views),
                      [](const void* v, Batch& b, i64 n, i64 c) { static_cast<const Views*>(v)->prepare(b, n, c); },
                      [](const void* v, Batch& b, i64 row, const data::Picture& p, const data::Normalization& n,
                         Key k) { static_cast<const Views*>(v)->fill(b, row, p, n, k); }},
               options, key) {}
  Loader(Loader&&) = default;
  Loader& operator=(Loader&&) = default;

  NACRE_INLINE i64 steps() const;            // of the whole run: epochs * steps_per_epoch
  NACRE_INLINE i64 steps_per_epoch() const;  // N / B, rounded down
  NACRE_INLINE const data::Normalization& normalization() const;

  // The batch of the next step, or nullptr at the end.
  NACRE_INLINE Batch* next();
  // The next batch will be that of `step` (0 .. steps()).
  NACRE_INLINE void seek(i64 step);

  struct Iterator {
    Loader* loader;
    Batch* batch;
    Batch& operator*() const { return *batch; }
    Iterator& operator++() {
      batch = loader->next();
      return *this;
    }
    bool operator!=(const Iterator& o) const { return batch != o.batch; }
  };
  Iterator begin() { return {this, next()}; }
  Iterator end() { return {this, nullptr}; }

 private:
  struct Source {
    std::shared_ptr<const void> views;
    void (*prepare)(const void*, Batch&, i64, i64);
    void (*fill)(const void*, Batch&, i64, const data::Picture&, const data::Normalization&, Key);
  };
  NACRE_INLINE Loader(const data::Images& images, Source source, const LoaderOptions& options, Key key);

  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace nacre

#if NACRE_DEFINITIONS
#include <nacre/data/loader_impl.hpp>
#endif
