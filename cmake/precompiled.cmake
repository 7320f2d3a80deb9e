# The standard library, fmt and GoogleTest are parsed once per build, not once per source: a third of
# a build's time. The release build goes without, and so finds includes that are missing.
# All sources must agree on the options that change what headers say.
add_compile_options(-pthread)
option(KCP_PRECOMPILED "Precompile the headers of the standard library" ON)

set(KCP_PRECOMPILED_HEADERS
  <algorithm> <array> <atomic> <chrono> <coroutine> <deque> <expected> <functional> <map> <memory> <mutex>
  <optional> <set> <shared_mutex> <span> <string> <string_view> <tuple> <utility> <variant> <vector>
  <fmt/format.h>)

# Two empty libraries own the headers: one for the modules, one for their tests.
function(make_precompiled name)
  cmake_parse_arguments(ARG "" "" "LIBS;HEADERS" ${ARGN})
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cc "")
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/${name}.cc)
  target_link_libraries(${name} PRIVATE fmt::fmt Threads::Threads kcp_warnings ${ARG_LIBS})
  target_compile_options(${name} PRIVATE -Xclang -fno-pch-timestamp)
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
endfunction()

if(KCP_PRECOMPILED)
  make_precompiled(precompiled HEADERS ${KCP_PRECOMPILED_HEADERS})
  if(KCP_TESTS)
    make_precompiled(precompiled_tests LIBS GTest::gtest
                     HEADERS ${KCP_PRECOMPILED_HEADERS} <gtest/gtest.h>)
  endif()
endif()

# Has `target` use the headers that `from` owns.
function(use_precompiled target from)
  if(KCP_PRECOMPILED)
    target_compile_options(${target} PRIVATE -Xclang -fno-pch-timestamp)
    target_precompile_headers(${target} REUSE_FROM ${from})
  endif()
endfunction()
