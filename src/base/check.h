// CHECK(condition): an invariant of our own code. Prints the place and aborts, in release builds
// too. Never used on input or on the behaviour of a peer.
#pragma once

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

#define CHECK(condition)                            \
  do {                                              \
    if (!(condition)) [[unlikely]]                  \
      check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
