// Definitions of io/file.hpp.
#pragma once

#include <nacre/io/file.hpp>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace nacre::io {

namespace detail {

// A call that a signal may interrupt.
template <class F>
auto retry(F call) {
  auto r = call();
  while (r < 0 && errno == EINTR) r = call();
  return r;
}

inline int open_file(const std::string& path, int flags) {
  return retry([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0666); });
}

inline std::string directory_of(const std::string& path) {
  auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// Linux moves at most 2 GiB a call.
inline std::size_t at_most_a_gibibyte(std::size_t bytes) { return bytes < (1u << 30) ? bytes : 1u << 30; }

inline std::string temporary_name(const std::string& path) {
  static std::atomic<u64> counter{0};
  return path + ".tmp." + std::to_string(::getpid()) + "." + std::to_string(counter++);
}

}  // namespace detail

NACRE_INLINE Source Source::open(const std::string& path) {
  Source s;
  s.name_ = path;
  auto refuse = [&](const std::string& why) { fail<DataError>("read", path + ": " + why); };
  if (path.find('\0') != std::string::npos) fail<DataError>("read", "a file name contains a NUL byte");
  s.fd_ = detail::open_file(path, O_RDONLY | O_NONBLOCK);  // does not wait for the writer of a pipe
  if (s.fd_ < 0) refuse(std::strerror(errno));
  struct stat st;
  if (::fstat(s.fd_, &st) != 0) refuse(std::strerror(errno));
  if (!S_ISREG(st.st_mode)) refuse(S_ISDIR(st.st_mode) ? "is a directory" : "is not a regular file");
  s.size_ = static_cast<u64>(st.st_size);
  return s;
}

NACRE_INLINE Source Source::memory(std::string bytes, std::string name) {
  Source s;
  s.size_ = bytes.size();
  s.bytes_ = std::move(bytes);
  s.name_ = std::move(name);
  return s;
}

NACRE_INLINE Source::Source(Source&& o) noexcept
    : fd_(std::exchange(o.fd_, -1)), size_(std::exchange(o.size_, 0)), name_(std::move(o.name_)),
      bytes_(std::move(o.bytes_)) {}

NACRE_INLINE Source& Source::operator=(Source&& o) noexcept {
  std::swap(fd_, o.fd_);
  std::swap(size_, o.size_);
  name_.swap(o.name_);
  bytes_.swap(o.bytes_);
  return *this;
}

NACRE_INLINE Source::~Source() {
  if (fd_ >= 0) ::close(fd_);
}

NACRE_INLINE void Source::read(u64 offset, void* into, std::size_t bytes) const {
  check<DataError>(offset <= size_ && bytes <= size_ - offset, "read", [&] {
    return name_ + ": " + std::to_string(bytes) + " bytes at offset " + std::to_string(offset) +
           " are not inside its " + std::to_string(size_);
  });
  if (bytes == 0) return;
  if (fd_ < 0) {
    std::memcpy(into, bytes_.data() + offset, bytes);
    return;
  }
  char* p = static_cast<char*>(into);
  while (bytes > 0) {
    ssize_t n = detail::retry([&] {
      return ::pread(fd_, p, detail::at_most_a_gibibyte(bytes), static_cast<off_t>(offset));
    });
    if (n < 0) fail<DataError>("read", name_ + ": " + std::strerror(errno));
    if (n == 0) fail<DataError>("read", name_ + ": became shorter while it was read");
    p += n;
    offset += static_cast<u64>(n);
    bytes -= static_cast<std::size_t>(n);
  }
}

NACRE_INLINE std::string read_file(const std::string& path, u64 max_bytes) {
  Source s = Source::open(path);
  check<DataError>(s.size() <= max_bytes, "read", [&] {
    return path + ": has " + std::to_string(s.size()) + " bytes, at most " + std::to_string(max_bytes) +
           " are expected of such a file";
  });
  std::string bytes(static_cast<std::size_t>(s.size()), '\0');
  s.read(0, bytes.data(), bytes.size());
  return bytes;
}

NACRE_INLINE std::string previous_name(const std::string& path) {
  auto name = path.rfind('/') + 1;  // 0 when there is no slash
  auto dot = path.rfind('.');
  if (dot == std::string::npos || dot <= name) dot = path.size();
  return path.substr(0, dot) + ".prev" + path.substr(dot);
}

NACRE_INLINE AtomicFile::AtomicFile(std::string path, u64 expected_bytes)
    : path_(std::move(path)), expected_(expected_bytes) {
  if (path_.empty()) fail<WriteError>("write", "the file name is empty");
  if (path_.find('\0') != std::string::npos) fail<WriteError>("write", "a file name contains a NUL byte");
  struct stat st;
  bool exists = ::stat(path_.c_str(), &st) == 0;
  check<WriteError>(!exists || S_ISREG(st.st_mode), "write", [&] {
    return path_ + (S_ISDIR(st.st_mode) ? ": is a directory" : ": is not a regular file, so it cannot be replaced");
  });
  do {  // a name left by a killed process of the same number is passed over
    temporary_ = detail::temporary_name(path_);
    fd_ = detail::open_file(temporary_, O_WRONLY | O_CREAT | O_EXCL);
  } while (fd_ < 0 && errno == EEXIST);
  if (fd_ < 0) fail_with_errno("cannot create a file beside it");
  if (exists) [[maybe_unused]] int kept = ::fchmod(fd_, st.st_mode & 07777);  // best effort
}

NACRE_INLINE AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  if (!old_.empty()) ::unlink(old_.c_str());
}

NACRE_INLINE void AtomicFile::fail_with_errno(const char* step, u64 remaining) const {
  int code = errno;
  std::string text = path_ + ": " + step + ": " + std::strerror(code);
  if (code == ENOSPC || code == EFBIG || code == EDQUOT) {
    u64 needed = written_ + remaining > expected_ ? written_ + remaining : expected_;
    text += "; the file needs " + std::to_string(needed) + " bytes";
    struct statvfs fs;
    if (code == EFBIG) text += ", more than the file-size limit allows (ulimit -f)";
    else if (::statvfs(detail::directory_of(path_).c_str(), &fs) == 0)
      text += ", " + std::to_string(written_ + static_cast<u64>(fs.f_bavail) * fs.f_frsize) + " are free";
  }
  fail<WriteError>("write", text + "; what was there before is unchanged");
}

NACRE_INLINE void AtomicFile::write(const void* data, std::size_t bytes) {
  check<WriteError>(fd_ >= 0, "write", [&] { return path_ + ": is already committed"; });
  const char* p = static_cast<const char*>(data);
  while (bytes > 0) {
    ssize_t n = detail::retry([&] { return ::write(fd_, p, detail::at_most_a_gibibyte(bytes)); });
    if (n == 0) errno = ENOSPC;
    if (n <= 0) fail_with_errno("cannot write", bytes);
    p += n;
    written_ += static_cast<u64>(n);
    bytes -= static_cast<std::size_t>(n);
  }
}

NACRE_INLINE void AtomicFile::sync_directory() const {
  int fd = detail::open_file(detail::directory_of(path_), O_RDONLY | O_DIRECTORY);
  // EINVAL: a file system that cannot flush directories; EACCES: one that we may write but not list.
  bool ok = fd < 0 ? errno == EACCES : detail::retry([&] { return ::fsync(fd); }) == 0 || errno == EINVAL;
  int code = errno;
  if (fd >= 0) ::close(fd);
  check<WriteError>(ok, "write", [&] {
    return path_ + ": is in place, but flushing its directory failed: " + std::strerror(code);
  });
}

NACRE_INLINE void AtomicFile::commit(Previous previous) {
  check<WriteError>(fd_ >= 0, "write", [&] { return path_ + ": is already committed"; });
  if (detail::retry([&] { return ::fsync(fd_); }) != 0) fail_with_errno("cannot flush to disk");
  if (::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) fail_with_errno("cannot close");

  // The old file gets a second name first and becomes the previous one last, so X is complete throughout.
  std::string kept = previous_name(path_);
  if (previous == Previous::keep && ::access(path_.c_str(), F_OK) == 0) {
    std::string name = detail::temporary_name(kept);
    if (::link(path_.c_str(), name.c_str()) == 0) old_ = name;
    else if (::rename(path_.c_str(), kept.c_str()) != 0)  // no hard links here: previous first, then X
      fail_with_errno("cannot keep the previous file");
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_with_errno("cannot rename the finished file");
  temporary_.clear();
  sync_directory();
  if (old_.empty()) return;
  check<WriteError>(::rename(old_.c_str(), kept.c_str()) == 0, "write", [&] {
    return path_ + ": is in place, but keeping the previous file as " + kept + " failed: " + std::strerror(errno);
  });
  old_.clear();
  sync_directory();
}

NACRE_INLINE void remove_stale(const std::string& path) {
  std::string directory = detail::directory_of(path);
  auto base = [](const std::string& p) { return p.substr(p.rfind('/') + 1) + ".tmp."; };
  DIR* d = ::opendir(directory.c_str());
  if (!d) return;  // the write that follows will say why
  while (const dirent* entry = ::readdir(d)) {
    std::string_view name = entry->d_name;
    if (name.starts_with(base(path)) || name.starts_with(base(previous_name(path))))
      ::unlink((directory + "/" + entry->d_name).c_str());
  }
  ::closedir(d);
}

NACRE_INLINE void replace_file(const std::string& path, std::string_view bytes, Previous previous) {
  AtomicFile f(path, bytes.size());
  f.write(bytes);
  f.commit(previous);
}

}  // namespace nacre::io
