# How often each block runs tells the compiler what to inline and how to lay out code (docs/adr/0014-profile.md).
# The path is relative to the build's folder, so that ccache finds what another checkout has built. A
# function that was changed since is built without counts, which is no reason for a warning.
if(KCP_PROFILE)
  set(profile ${CMAKE_SOURCE_DIR}/${KCP_PROFILE})
  file(RELATIVE_PATH path ${CMAKE_BINARY_DIR} ${profile})
  file(SHA256 ${profile} hash)
  string(SUBSTRING ${hash} 0 16 hash)
  # Ninja builds anew what is built with another command: the hash stands for the file.
  add_compile_options(-fprofile-use=${path} -DKCP_PROFILE_HASH=0x${hash} -Wno-backend-plugin)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${profile})
endif()
if(KCP_COUNTS)
  add_compile_options(-fprofile-generate -fprofile-update=atomic)
  add_link_options(-fprofile-generate)
endif()
