#include "base/check.h"

#include <cstdio>
#include <cstdlib>

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "F %s:%d CHECK failed: %s\n", file, line, condition);
  std::fflush(stderr);
  std::abort();
}
