// The words of a progress display: a bar that is redrawn on a terminal, a plain line for a log. Nothing is printed
// here.
//
//   progress_bar    epoch  3/16  ━━━━━━━━━╸        41%  loss 7.412   2310/s  1:23 left  spread 0.97
//   progress_line   epoch 3/16, step 812/1984 (41 %), loss 7.412, 2310 images/s, 1:23 left, spread 0.97
//
// Spread is the collapse gauge, the standard deviation of unit embeddings times sqrt(d): 1 is healthy, 0 collapsed.
// Tested in tests/train/progress.cpp.
#pragma once

#include <nacre/core/config.hpp>

#include <string>

namespace nacre::train {

struct Progress {
  i64 epoch = 0, epochs = 0;  // the one under way, from 0; of how many
  i64 step = 0, total = 0;    // done; of how many
  double loss = 0;
  double samples_per_s = 0;
  double seconds_left = 0;
  double gauge = 1;     // see above; below .5 is pointed out
  bool color = false;   // ANSI colours in the bar; the caller obeys NO_COLOR
  bool unicode = true;  // false: ASCII only
  int width = 80;       // columns of the terminal
};

// At most width - 1 columns, without a line end; at least 60.
NACRE_INLINE std::string progress_bar(const Progress& p);
NACRE_INLINE std::string progress_line(const Progress& p);

// 47 s -> "0:47", 83 s -> "1:23", 7384 s -> "2:03:04"; unknown (not finite, negative) -> "-:--"
NACRE_INLINE std::string clock_text(double seconds);

}  // namespace nacre::train

#if NACRE_DEFINITIONS
#include <nacre/train/progress_impl.hpp>
#endif
