// Names without definitions, for a header that only mentions them: enough for references, pointers and signatures.
//
// Default template arguments stand with the definitions: here a tensor on the CPU is Tensor<float, Cpu>.
#pragma once

#include <nacre/core/config.hpp>
#include <nacre/core/device.hpp>

namespace nacre {

struct Error;
struct Key;
class Random;
class Shape;
template <class T, class D>
class Tensor;

class Tape;
template <class T, class D>
class Var;
template <class T, class D>
class Parameter;
template <class T, class D>
class State;

struct Batch;
class Loader;
template <class T>
class MemoryBank;

namespace data {
struct Images;
struct DataSplits;
struct Normalization;
}  // namespace data

namespace models {
struct ResNetOptions;
template <class T>
class ResNet;
struct EncoderFile;
}  // namespace models

namespace methods {
struct PirlOptions;
template <class T, class Encoder>
struct Pirl;
}  // namespace methods

}  // namespace nacre
