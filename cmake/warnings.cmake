# Warnings for our own code; third-party headers come in as system headers.
add_library(kcp_warnings INTERFACE)
target_compile_options(kcp_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wthread-safety -Wno-missing-field-initializers -Wno-shadow-field-in-constructor
  -Werror=return-type -Werror=unused-result)
if(KCP_WERROR)
  target_compile_options(kcp_warnings INTERFACE -Werror)
endif()
