// nacre doctor: what this build and this machine are, and what is promised on them.
#include "options.hpp"

#include <nacre/backend/cpu/simd.hpp>
#include <nacre/core/parallel.hpp>
#include <nacre/core/pool.hpp>

#include <Eigen/Core>
#include <cstdio>
#include <cstdlib>
#include <jpeglib.h>
#include <oneapi/tbb/version.h>
#include <png.h>
#include <unistd.h>
#include <zlib.h>

namespace cli {

namespace nc = nacre;

void doctor() {
  const char* forced = std::getenv("NACRE_ISA");
  nc::set_threads(0);
  std::printf("nacre            %s\n", nc::version);
  std::printf("instruction set  %s%s\n", nc::backend::isa_name(), forced ? " (NACRE_ISA is set)" : "");
  std::printf("threads          %d\n", nc::threads());
  std::printf("memory           %.1f GiB\n",
              static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 30));
  std::printf("compiler         %s\n", __VERSION__);
  std::printf("Eigen            %d.%d.%d\n", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION);
  std::printf("oneTBB           %d.%d\n", TBB_VERSION_MAJOR, TBB_VERSION_MINOR);
  std::printf("zlib             %s\n", zlibVersion());
  std::printf("libpng           %s\n", PNG_LIBPNG_VER_STRING);
  std::printf("libjpeg          %d\n", JPEG_LIB_VERSION);
  std::printf(
      "\npromised here    the same seed, options, data and program give the same bits at any number of threads;\n"
      "                 an embedding does not depend on its batch; an interrupted run continues to the same bits.\n"
      "                 %s\n",
      nc::backend::isa() == nc::backend::Isa::baseline
          ? "This processor has no FMA: bits differ from those of AVX2 and AVX-512 machines, and it is slow."
          : "AVX2 and AVX-512 give the same bits.");
  std::printf("not promised     equal bits across compilers, C libraries or versions of nacre.\n");
}

}  // namespace cli
