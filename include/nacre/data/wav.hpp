// WAV files: PCM of 8, 16, 24 or 32 bits and IEEE float of 32, mixed down to one channel.
//
// Strict: a RIFF or chunk size that lies, a data chunk cut short, a sample that is no number, an unknown format: all
// are a DataError that names the file, before anything is allocated. Bytes after the RIFF chunk are let be.
// Throws DataError. Tested in tests/data/wav.cpp.
#pragma once

#include <nacre/data/sound.hpp>

#include <string>

namespace nacre::data {

// `name` stands in error messages.
NACRE_INLINE Sound decode_wav(const u8* bytes, std::size_t size, const std::string& name);

// A file of at most 1 GiB.
NACRE_INLINE Sound read_wav(const std::string& path);

// PCM of 16 bits, one channel; samples beyond full scale are clipped. Throws WriteError.
NACRE_INLINE void write_wav(const std::string& path, const Sound& sound);

}  // namespace nacre::data

#if NACRE_DEFINITIONS
#include <nacre/data/wav_impl.hpp>
#endif
