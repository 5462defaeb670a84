// Definitions of data/loader.hpp.
#pragma once

#include <nacre/core/parallel.hpp>
#include <nacre/data/loader.hpp>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

namespace nacre {

// Batches travel through two slots. The worker fills slot step % 2 once the consumer has asked for step - 1 and so
// given step - 2 back; the consumer waits until `ready` is past its step.
struct Loader::State {
  data::Images images;
  Source source;
  LoaderOptions options;
  Key order, augment;
  i64 per_epoch = 0, total = 0;

  Batch slot[2];
  i64 taken = 0;  // the step the consumer will ask for next
  i64 ready = 0;  // steps below this one are filled
  bool stop = false;
  std::exception_ptr error;
  std::mutex mutex;
  std::condition_variable changed;
  std::thread worker;

  ~State() { halt(); }

  void halt() {
    if (!worker.joinable()) return;
    {
      std::lock_guard lock(mutex);
      stop = true;
    }
    changed.notify_all();
    worker.join();
    stop = false;
    error = nullptr;
  }

  void fill(i64 step) {
    Batch& b = slot[step % 2];
    i64 n = images.size(), size = options.batch, epoch = step / per_epoch, first = step % per_epoch * size;
    u64 e = static_cast<u64>(epoch);
    Key epoch_order = order.fold(e), epoch_augment = augment.fold(e);
    source.prepare(source.views.get(), b, size, images.channels);
    data::reuse(b.index, {size});
    if (images.labelled()) data::reuse(b.label, {size});
    b.epoch = epoch;
    b.step = step;
    b.progress = static_cast<float>(static_cast<double>(step) / static_cast<double>(total));
    for (i64 i = 0; i < size; ++i)
      b.index[i] = static_cast<i64>(permute(epoch_order, static_cast<u64>(first + i), static_cast<u64>(n)));
    parallel_for(size, 4, [&](i64 begin, i64 end) {
      for (i64 i = begin; i < end; ++i) fill_row(b, i, epoch_augment.fold(static_cast<u64>(b.index[i])));
    });
  }

  // From the drawn sample, b.index[row], or the next one that can be read.
  void fill_row(Batch& b, i64 row, Key key) {
    i64 &i = b.index[row], n = images.size();
    for (i64 tried = 1;; ++tried) try {
        if (images.labelled()) b.label[row] = images.labels[i];
        return source.fill(source.views.get(), b, row, images[i], options.normalization, key);
      } catch (const data::PictureError& e) {
        check<DataError>(tried < n, "loader", [&] {
          return "none of the " + std::to_string(n) + " pictures of '" + images.name +
                 "' can be read; the last: " + e.what();
        });
        i = (i + 1) % n;
      }
  }

  void run(i64 step) {
    LoadArena arena;
    try {
      for (; step < total; ++step) {
        {
          std::unique_lock lock(mutex);
          changed.wait(lock, [&] { return stop || step <= taken; });
          if (stop) return;
        }
        fill(step);
        std::lock_guard lock(mutex);
        ready = step + 1;
        changed.notify_all();
      }
    } catch (...) {
      std::lock_guard lock(mutex);
      error = std::current_exception();
      changed.notify_all();
    }
  }
};

NACRE_INLINE Loader::Loader(const data::Images& images, Source source, const LoaderOptions& options, Key key)
    : state_(std::make_shared<State>()) {
  i64 n = images.size();
  check(options.batch >= 1 && options.epochs >= 1, "loader", [&] {
    return "batch " + std::to_string(options.batch) + " and epochs " + std::to_string(options.epochs) +
           " must be at least 1";
  });
  check<DataError>(n >= options.batch, "loader", [&] {
    return "the set '" + images.name + "' has " + std::to_string(n) + " pictures, fewer than one batch of " +
           std::to_string(options.batch) + "; lower the batch size or add pictures";
  });
  State& s = *state_;
  s.images = images;
  s.source = std::move(source);
  s.options = options;
  if (!options.normalization.known()) s.options.normalization = data::mean_std(images);
  s.order = key.fold("order");
  s.augment = key.fold("augment");
  s.per_epoch = n / options.batch;
  s.total = s.per_epoch * options.epochs;
}

NACRE_INLINE i64 Loader::steps() const { return state_->total; }
NACRE_INLINE i64 Loader::steps_per_epoch() const { return state_->per_epoch; }
NACRE_INLINE const data::Normalization& Loader::normalization() const { return state_->options.normalization; }

NACRE_INLINE Batch* Loader::next() {
  State& s = *state_;
  if (s.taken >= s.total) return nullptr;
  i64 step = s.taken;
  if (!s.worker.joinable()) {
    s.ready = step;
    s.worker = std::thread([&s, step] { s.run(step); });
  }
  std::unique_lock lock(s.mutex);
  s.taken = step + 1;  // gives the slot of step - 1 back
  s.changed.notify_all();
  s.changed.wait(lock, [&] { return s.ready > step || s.error; });
  if (s.ready > step) return &s.slot[step % 2];
  std::exception_ptr error = s.error;
  lock.unlock();
  s.halt();
  s.taken = step;
  std::rethrow_exception(error);
}

NACRE_INLINE void Loader::seek(i64 step) {
  State& s = *state_;
  check(step >= 0 && step <= s.total, "loader.seek",
        [&] { return "step " + std::to_string(step) + " is not in 0 .. " + std::to_string(s.total); });
  s.halt();
  s.taken = step;
}

}  // namespace nacre
