# Flags, dependencies and the functions that make targets.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_VERIFY_INTERFACE_HEADER_SETS ON)  # target all_verify_interface_header_sets: each public header compiles alone
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g1")
# A cold build takes two thirds of the time when files are compiled in batches; names in unnamed namespaces must then differ.
if((CMAKE_BUILD_TYPE STREQUAL "Release" OR PATCHBAY_SANITIZE) AND NOT PATCHBAY_FUZZ)
  set(unity ON)
else()
  set(unity OFF)
endif()
option(PATCHBAY_UNITY "Compile sources in batches" ${unity})
set(CMAKE_UNITY_BUILD ${PATCHBAY_UNITY})
set(CMAKE_UNITY_BUILD_BATCH_SIZE 16)
set(PATCHBAY_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")

include(GNUInstallDirs)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

# ccache where there is one; paths are hashed relative so that clones share.
find_program(PATCHBAY_CCACHE ccache)
if(PATCHBAY_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 ${PATCHBAY_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED CONFIG COMPONENTS url)
find_package(OpenSSL REQUIRED)
find_package(cjose REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp REQUIRED CONFIG COMPONENTS core)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_path(RAPIDJSON_INCLUDE_DIR rapidjson/document.h REQUIRED)

function(patchbay_flags target)
  target_compile_options(${target} PRIVATE -fPIC -Wall -Wextra -Wshadow $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor$<SEMICOLON>-Woverloaded-virtual> -Wcast-align -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Its garbage is collected from 1 GB on, not from 128 MB: up to a quarter less time for at most a quarter more memory.
    target_compile_options(${target} PRIVATE --param=ggc-min-expand=100 --param=ggc-min-heapsize=1000000)
    # Coroutine frames and optional<> make these two report what cannot happen.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized -fno-gnu-unique $<$<COMPILE_LANGUAGE:CXX>:-fcoroutines>)
    # Optimised, it takes the frames' own operator new for a mismatch of their own operator delete.
    target_compile_options(${target} PRIVATE $<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:-Wno-mismatched-new-delete>)
    # Optimised, it also sees writes past the end of texts and vectors whose size it just computed.
    target_compile_options(${target} PRIVATE $<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:-Wno-stringop-overflow$<SEMICOLON>-Wno-array-bounds>)
    if(CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)  # and reads
      target_compile_options(${target} PRIVATE $<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:-Wno-stringop-overread>)
    endif()
    if(PATCHBAY_UNITY)  # a batch is the main file, and what it includes has the unnamed namespaces
      target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
    endif()
  endif()
  if(PATCHBAY_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${PATCHBAY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${PATCHBAY_SANITIZE})
    if(PATCHBAY_SANITIZE MATCHES thread)
      target_compile_options(${target} PRIVATE -Wno-tsan)
    endif()
  endif()
  if(PATCHBAY_FUZZ)
    if(NOT target MATCHES "^fuzz_")
      set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL ON)  # only what the fuzz targets need
    endif()
    # RapidJSON 1.1 adds an offset to the null pointer of its empty stack.
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize=pointer-overflow -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  endif()
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
endfunction()

# What every unit sees of the libraries. Asio and Beast are compiled once, in patchbay_asio.
add_library(patchbay_asio STATIC ${PROJECT_SOURCE_DIR}/scripts/cmake/asio.cpp)
target_compile_definitions(patchbay_asio PUBLIC BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
                                                BOOST_ASIO_DISABLE_BOOST_ARRAY RAPIDJSON_HAS_STDSTRING=1
                                                SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL SPDLOG_SHARED_LIB)
target_include_directories(patchbay_asio SYSTEM PUBLIC ${RAPIDJSON_INCLUDE_DIR})
target_include_directories(patchbay_asio PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/patchbay>)
target_link_libraries(patchbay_asio PUBLIC Boost::headers OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
patchbay_flags(patchbay_asio)

# One precompiled header for all of a build's units: they share one flag set.
add_library(patchbay_pch STATIC ${PROJECT_SOURCE_DIR}/scripts/cmake/pch.cpp)
target_precompile_headers(patchbay_pch PRIVATE ${PROJECT_SOURCE_DIR}/scripts/cmake/pch.hpp)
target_link_libraries(patchbay_pch PUBLIC patchbay_asio fmt::fmt spdlog::spdlog)
patchbay_flags(patchbay_pch)

set_property(GLOBAL PROPERTY PATCHBAY_MODULES "")

# patchbay_library(name FOLDER folder [EXCLUDE regex] LINKS targets... [MODULES]): all .cpp files of the folder and its subfolders.
function(patchbay_library name)
  cmake_parse_arguments(ARG "MODULES" "FOLDER;EXCLUDE" "LINKS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${ARG_FOLDER}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${ARG_FOLDER}/*.hpp)
  if(ARG_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX ${ARG_EXCLUDE})
    list(FILTER headers EXCLUDE REGEX ${ARG_EXCLUDE})
  endif()
  add_library(patchbay_${name} STATIC ${sources} ${PROJECT_SOURCE_DIR}/scripts/cmake/pch.cpp)
  patchbay_flags(patchbay_${name})
  target_precompile_headers(patchbay_${name} REUSE_FROM patchbay_pch)
  target_link_libraries(patchbay_${name} PUBLIC ${ARG_LINKS} fmt::fmt spdlog::spdlog)
  target_sources(patchbay_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers})
  if(ARG_MODULES)
    get_property(modules GLOBAL PROPERTY PATCHBAY_MODULES)
    target_link_libraries(patchbay_${name} PUBLIC ${modules})
  elseif(ARG_FOLDER MATCHES "^core/" AND NOT name MATCHES "^(base|runtime)$")
    set_property(GLOBAL APPEND PROPERTY PATCHBAY_MODULES patchbay_${name})
  endif()
endfunction()

# What plugins of this tree share: the SDK, Asio compiled once, one precompiled header. One outside needs the SDK only.
function(patchbay_plugin_flags target)
  patchbay_flags(${target})
  # Operations that wait for a network: a third less code in memory counts for more than its speed.
  target_compile_options(${target} PRIVATE $<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:-Os>)
  target_link_libraries(${target} PRIVATE patchbay_plugin_sdk)
  if(NOT target STREQUAL patchbay_plugin_asio)
    target_link_libraries(${target} PRIVATE patchbay_plugin_asio)
    target_precompile_headers(${target} REUSE_FROM patchbay_plugin_asio)
  endif()
endfunction()

# patchbay_plugin(name sources...): libpatchbay_<name>.so in <build>/bin/plugins with exactly one exported symbol.
function(patchbay_plugin name)
  add_library(patchbay_plugin_${name} MODULE ${ARGN})
  set_target_properties(patchbay_plugin_${name} PROPERTIES OUTPUT_NAME patchbay_${name} PREFIX lib LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/plugins)
  patchbay_plugin_flags(patchbay_plugin_${name})
  target_link_options(patchbay_plugin_${name} PRIVATE -Wl,--version-script=${PROJECT_SOURCE_DIR}/plugins/sdk/plugin.map)
  if(NOT PATCHBAY_SANITIZE)  # the sanitizers' functions are the program's
    target_link_options(patchbay_plugin_${name} PRIVATE -Wl,--no-undefined)
  endif()
  set_property(TARGET patchbay_plugin_${name} APPEND PROPERTY LINK_DEPENDS ${PROJECT_SOURCE_DIR}/plugins/sdk/plugin.map)
endfunction()

# Tests are compiled quickly; what the optimiser says of the many short texts in them is made up (g++ 12).
set(PATCHBAY_TEST_FLAGS $<$<CONFIG:Release>:-O1>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND PATCHBAY_TEST_FLAGS $<$<CONFIG:Release>:-Wno-array-bounds> $<$<CONFIG:Release>:-Wno-stringop-overread>)
endif()
# patchbay_test(name sources... [LINKS targets]): a GoogleTest program. Optimised less than what it tests, it builds faster.
function(patchbay_test name)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  if(NOT TARGET patchbay_test_pch)
    add_library(patchbay_test_pch STATIC ${PROJECT_SOURCE_DIR}/scripts/cmake/pch.cpp)
    target_precompile_headers(patchbay_test_pch PRIVATE ${PROJECT_SOURCE_DIR}/scripts/cmake/pch.hpp <gmock/gmock.h> <gtest/gtest.h>)
    target_link_libraries(patchbay_test_pch PUBLIC patchbay_asio fmt::fmt spdlog::spdlog GTest::gmock GTest::gtest)
    patchbay_flags(patchbay_test_pch)
    target_compile_options(patchbay_test_pch PRIVATE ${PATCHBAY_TEST_FLAGS})
  endif()
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  patchbay_flags(${name})
  target_compile_options(${name} PRIVATE ${PATCHBAY_TEST_FLAGS})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} GTest::gmock GTest::gtest_main)
  target_precompile_headers(${name} REUSE_FROM patchbay_test_pch)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/tests)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 120 LABELS unit)
endfunction()
