// Where a tensor lives. Empty tags: the backend is chosen by overload, mixing devices does not compile.
#pragma once

#include <nacre/core/config.hpp>

namespace nacre {

struct Cpu {};
struct Cuda {};

}  // namespace nacre
