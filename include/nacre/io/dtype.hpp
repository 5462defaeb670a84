// Element types of files: their safetensors name, size, and the C++ type that holds them.
//
// F16 can be read (converted) but not written: nothing in the library stores it.
// Tested in tests/io/safetensors.cpp.
#pragma once

#include <nacre/core/bf16.hpp>
#include <nacre/core/error.hpp>

#include <bit>

namespace nacre::io {

static_assert(std::endian::native == std::endian::little, "files are little-endian and are read without swapping");

// In the order in which the Python writer of safetensors sorts them (reversed: widest first).
enum class DType : u8 { boolean, u8, i8, i16, u16, f16, bf16, i32, u32, f32, f64, i64, u64 };

inline constexpr int dtype_count = 13;
inline constexpr const char* dtype_names[dtype_count] = {"BOOL", "U8",  "I8",  "I16", "U16", "F16", "BF16",
                                                         "I32",  "U32", "F32", "F64", "I64", "U64"};
inline constexpr u8 dtype_sizes[dtype_count] = {1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 8, 8, 8};

inline const char* name_of(DType d) { return dtype_names[static_cast<int>(d)]; }
inline std::size_t size_of(DType d) { return dtype_sizes[static_cast<int>(d)]; }
inline bool is_float(DType d) {
  return d == DType::f16 || d == DType::bf16 || d == DType::f32 || d == DType::f64;
}

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::same_as<T, bool>) return DType::boolean;
  else if constexpr (std::same_as<T, nacre::u8>) return DType::u8;
  else if constexpr (std::same_as<T, std::int8_t>) return DType::i8;
  else if constexpr (std::same_as<T, std::int16_t>) return DType::i16;
  else if constexpr (std::same_as<T, std::uint16_t>) return DType::u16;
  else if constexpr (std::same_as<T, nacre::bf16>) return DType::bf16;
  else if constexpr (std::same_as<T, std::int32_t>) return DType::i32;
  else if constexpr (std::same_as<T, nacre::u32>) return DType::u32;
  else if constexpr (std::same_as<T, float>) return DType::f32;
  else if constexpr (std::same_as<T, double>) return DType::f64;
  else if constexpr (std::same_as<T, nacre::i64>) return DType::i64;
  else {
    static_assert(std::same_as<T, nacre::u64>, "files have no element type for this C++ type");
    return DType::u64;
  }
}

}  // namespace nacre::io
