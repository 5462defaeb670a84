// Build modes and the macros of the library (this file and nothing else defines them).
//
//   header-only (default)   every definition is inline; include and go.
//   NACRE_COMPILED          definitions of non-template functions are left out; link `nacre::compiled`,
//                           whose one source file defines NACRE_IMPLEMENTATION as well.
//
// NACRE_HD marks what is compiled for host and device, NACRE_INLINE a function that `nacre::compiled` can own. It owns
// NACRE_INSTANCE(class ResNet<float>) too: its users compile only those members that are defined in the class.
// tests/headers.sh compiles every header in both modes.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#define NACRE_HD __host__ __device__
#else
#define NACRE_HD
#endif

#if defined(NACRE_IMPLEMENTATION)
#define NACRE_DEFINITIONS 1
#define NACRE_INLINE
#define NACRE_INSTANCE(...) template __VA_ARGS__;
#elif defined(NACRE_COMPILED)
#define NACRE_DEFINITIONS 0
#define NACRE_INLINE
#define NACRE_INSTANCE(...) extern template __VA_ARGS__;
#else
#define NACRE_DEFINITIONS 1
#define NACRE_INLINE inline
#define NACRE_INSTANCE(...)
#endif

namespace nacre {

using i64 = std::int64_t;
using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

inline constexpr const char* version = "0.1.0";

// Whether a kernel overwrites its destination or adds to it: the first writer of a gradient assigns.
enum class Into { assign, add };

}  // namespace nacre
