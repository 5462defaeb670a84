// cost SECONDS LINKED WHOLE MB YARDSTICK COMMAND... SOURCE: what a compilation costs in processor time and peak memory.
//   COMMAND YARDSTICK                a source that stays as it is: the pace of this machine
//   COMMAND -DNACRE_COMPILED SOURCE  at most SECONDS, LINKED times the yardstick, and MB
//   COMMAND SOURCE                   at most WHOLE times the yardstick, and MB
// The same sources took 19.5 s and 36 s on machines of one week: hence the yardstick, before and after the others.
// A busy machine inflates a time, never shrinks it, so above a limit all are run again, twice, and the least time of
// each counts.
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
  if (argc < 8) return std::fputs("usage: cost SECONDS LINKED WHOLE MB YARDSTICK COMMAND... SOURCE\n", stderr), 2;
  const double most = std::atof(argv[1]), linked_times = std::atof(argv[2]), whole_times = std::atof(argv[3]);
  const double mb = std::atof(argv[4]);
  std::vector<char*> whole_command(argv + 6, argv + argc + 1);  // ends in a null pointer
  std::vector<char*> linked_command = whole_command, yardstick = whole_command;
  char macro[] = "-DNACRE_COMPILED";
  linked_command.insert(linked_command.begin() + 1, macro);
  yardstick[yardstick.size() - 2] = argv[5];
  Cost linked{1e9, 0}, whole{1e9, 0}, pace{1e9, 0};
  auto keep = [](Cost& of, Cost one) { of = {std::min(of.seconds, one.seconds), std::max(of.mb, one.mb)}; };
  for (int attempt = 0; attempt < 3; ++attempt) {
    keep(pace, run(yardstick.data()));
    keep(linked, run(linked_command.data()));
    keep(whole, run(whole_command.data()));
    keep(pace, run(yardstick.data()));
    const double a = linked.seconds / pace.seconds, b = whole.seconds / pace.seconds;
    std::printf("yardstick: %.2f s\n", pace.seconds);
    std::printf("linked to nacre::compiled: %.1f s of %.0f, %.2f times of %.2f, %.0f MB of %.0f\n", linked.seconds,
                most, a, linked_times, linked.mb, mb);
    std::printf("header-only: %.1f s, %.2f times of %.2f, %.0f MB of %.0f\n", whole.seconds, b, whole_times, whole.mb,
                mb);
    if (linked.seconds <= most && a <= linked_times && b <= whole_times && std::max(linked.mb, whole.mb) <= mb)
      return 0;
  }
  return 1;
}
