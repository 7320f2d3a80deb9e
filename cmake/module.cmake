# module(NAME [DEPS module...] [LIBS target...]): the library of src/NAME, from every .cc file in it
# (and its folders), and the test program NAME_test from every *_test.cc beside them. DEPS are the
# other modules it may include; tools/lint/layers.py holds them against the real includes.
function(module name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS;TEST_LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$|/main_[a-z_]+\\.cc$|/plugin/")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER tests EXCLUDE REGEX "/plugin/")

  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC ${ARG_DEPS} ${ARG_LIBS} PRIVATE kcp_warnings)
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_compile_features(${name} PUBLIC cxx_std_23)
    use_precompiled(${name} precompiled)
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${ARG_DEPS} ${ARG_LIBS})
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
  endif()

  if(KCP_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name} kcp_warnings GTest::gtest GTest::gtest_main
                          ${ARG_TEST_LIBS})
    use_precompiled(${name}_test precompiled_tests)
    set_property(GLOBAL APPEND PROPERTY KCP_TEST_TARGETS ${name}_test)
  endif()
endfunction()
