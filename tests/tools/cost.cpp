// cost SECONDS MB COMMAND...: runs the command, prints its processor time and peak memory, and fails above the limits.
// A busy machine inflates a time, never shrinks it, so a run above the limit is repeated twice before it counts.
#include <cstdio>
#include <cstdlib>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 4) return std::fputs("usage: cost SECONDS MB COMMAND...\n", stderr), 2;
  double seconds_allowed = std::atof(argv[1]), mb_allowed = std::atof(argv[2]);
  double before = 0;
  for (int attempt = 0; attempt < 3; ++attempt) {
    pid_t child = fork();
    if (child == 0) {
      execvp(argv[3], argv + 3);
      std::perror(argv[3]);
      _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) return std::fputs("cost: the command failed\n", stderr), 1;

    rusage use{};  // of all children so far: times add up, the peak is the largest process
    getrusage(RUSAGE_CHILDREN, &use);
    auto seconds = [](timeval t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
    double total = seconds(use.ru_utime) + seconds(use.ru_stime);
    double mb = static_cast<double>(use.ru_maxrss) * 1024 / 1e6;
    std::printf("%.1f s of %.0f, %.0f MB of %.0f\n", total - before, seconds_allowed, mb, mb_allowed);
    if (total - before <= seconds_allowed && mb <= mb_allowed) return 0;
    before = total;
  }
  return 1;
}
