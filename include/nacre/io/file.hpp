// Files: reading under a size limit, and replacing a file so that no moment shows half of it.
//
//   AtomicFile f("run/checkpoint.safetensors");  f.write(p, n);  ...  f.commit(Previous::keep);
//
// Written under X.tmp.PID.K beside X, flushed to disk, renamed to X, the directory flushed. A failure, at any
// point before the rename, leaves X as it was and removes the temporary file; so does a destroyed AtomicFile
// that was not committed. A killed process can leave an X.tmp.* behind: nobody reads it.
// A program must ignore SIGXFSZ (`std::signal(SIGXFSZ, SIG_IGN)`), or a file-size limit kills it; with the
// signal ignored the limit is reported like a full disk.
// Throws DataError (reading), WriteError (writing). Tested in tests/io/file.cpp.
#pragma once

#include <nacre/core/error.hpp>

namespace nacre::io {

// Bytes that can be read at any offset, from a regular file or from memory. Reading is thread-safe.
// A file that shrinks while it is open gives a DataError, a file replaced by rename keeps its old content.
class Source {
 public:
  NACRE_INLINE static Source open(const std::string& path);
  NACRE_INLINE static Source memory(std::string bytes, std::string name = "memory");
  NACRE_INLINE Source(Source&& other) noexcept;
  NACRE_INLINE Source& operator=(Source&& other) noexcept;
  NACRE_INLINE ~Source();

  u64 size() const { return size_; }
  const std::string& name() const { return name_; }
  NACRE_INLINE void read(u64 offset, void* into, std::size_t bytes) const;

 private:
  Source() = default;
  int fd_ = -1;
  u64 size_ = 0;
  std::string name_, bytes_;
};

// The whole file. DataError when it is missing, not a regular file or larger than max_bytes.
NACRE_INLINE std::string read_file(const std::string& path, u64 max_bytes);

// Whether X is kept beside its replacement, as previous_name(X).
enum class Previous { drop, keep };

NACRE_INLINE std::string previous_name(const std::string& path);  // "a/b.json" -> "a/b.prev.json"

class AtomicFile {
 public:
  // `expected_bytes` (0: unknown) only improves the message when the disk is full.
  NACRE_INLINE explicit AtomicFile(std::string path, u64 expected_bytes = 0);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  NACRE_INLINE ~AtomicFile();

  NACRE_INLINE void write(const void* data, std::size_t bytes);
  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
  // Once. With Previous::keep there is a complete file under X or previous_name(X) at every moment, even if
  // the X that is replaced was itself damaged.
  NACRE_INLINE void commit(Previous previous = Previous::drop);

  u64 bytes() const { return written_; }

 private:
  [[noreturn]] NACRE_INLINE void fail_with_errno(const char* step, u64 remaining = 0) const;
  NACRE_INLINE void sync_directory() const;

  std::string path_, temporary_, old_;  // the last two are removed unless renamed
  int fd_ = -1;
  u64 written_ = 0, expected_;
};

// Removes what killed processes left beside X. Only for the one process that writes X (it holds the run's lock).
NACRE_INLINE void remove_stale(const std::string& path);

NACRE_INLINE void replace_file(const std::string& path, std::string_view bytes, Previous previous = Previous::drop);

}  // namespace nacre::io

#if NACRE_DEFINITIONS
#include <nacre/io/file_impl.hpp>
#endif
