// cost SECONDS TIMES MB YARDSTICK COMMAND... SOURCE: what a compilation costs in processor time and peak memory.
//   COMMAND -DNACRE_COMPILED SOURCE  at most SECONDS and MB
//   COMMAND SOURCE                   at most TIMES as long as COMMAND YARDSTICK, and MB
// The same sources took 19.5 s and 36 s on machines of one week: hence the yardstick, a source that stays as it is.
// A busy machine inflates a time, never shrinks it, so above a limit all are run again, twice, and the least time of each
// counts.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

struct Cost {
  double seconds, mb;
};

Cost run(char** command) {
  pid_t child = fork();
  if (child == 0) {
    execvp(command[0], command);
    std::perror(command[0]);
    _exit(127);
  }
  int status = 0;
  rusage use{};
  wait4(child, &status, 0, &use);
  if (status != 0) std::fputs("cost: the command failed\n", stderr), std::exit(1);
  auto seconds = [](timeval t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; };
  return {seconds(use.ru_utime) + seconds(use.ru_stime), static_cast<double>(use.ru_maxrss) * 1024 / 1e6};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7) return std::fputs("usage: cost SECONDS TIMES MB YARDSTICK COMMAND... SOURCE\n", stderr), 2;
  const double seconds = std::atof(argv[1]), times = std::atof(argv[2]), mb = std::atof(argv[3]);
  std::vector<char*> command(argv + 5, argv + argc + 1);  // ends in a null pointer
  std::vector<char*> linked = command, yardstick = command;
  char macro[] = "-DNACRE_COMPILED";
  linked.insert(linked.begin() + 1, macro);
  yardstick[yardstick.size() - 2] = argv[4];
  Cost compiled{1e9, 0}, header_only{1e9, 0}, pace{1e9, 0};
  auto keep = [](Cost& of, Cost one) { of = {std::min(of.seconds, one.seconds), std::max(of.mb, one.mb)}; };
  for (int attempt = 0; attempt < 3; ++attempt) {
    keep(compiled, run(linked.data()));
    keep(pace, run(yardstick.data()));
    keep(header_only, run(command.data()));
    keep(pace, run(yardstick.data()));
    const double ratio = header_only.seconds / pace.seconds;
    std::printf("linked to nacre::compiled: %.1f s of %.0f, %.0f MB of %.0f\n", compiled.seconds, seconds,
                compiled.mb, mb);
    std::printf("header-only: %.1f s, %.2f times the yardstick's %.2f s, of %.1f times; %.0f MB of %.0f\n",
                header_only.seconds, ratio, pace.seconds, times, header_only.mb, mb);
    if (compiled.seconds <= seconds && ratio <= times && std::max(compiled.mb, header_only.mb) <= mb) return 0;
  }
  return 1;
}
