# patchbay_add_plugin(name sources...): a plugin as its own project builds it, after find_package(patchbay):
#
#   patchbay_add_plugin(greeter greeter.cpp)      # libpatchbay_greeter.so, target greeter
#
# The result exports exactly one symbol, pb_plugin_v1: everything else is hidden, and -fno-gnu-unique keeps the library
# from sharing its statics with others. C sources work as well as C++ ones.
function(patchbay_add_plugin name)
  add_library(${name} MODULE ${ARGN})
  set_target_properties(${name} PROPERTIES OUTPUT_NAME patchbay_${name} PREFIX lib SUFFIX .so
                                           C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_link_libraries(${name} PRIVATE patchbay::plugin_sdk)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-gnu-unique>)
  endif()
  target_link_options(${name} PRIVATE -Wl,--version-script=${PATCHBAY_PLUGIN_MAP} -Wl,--no-undefined)
  set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${PATCHBAY_PLUGIN_MAP})
  # The gateway takes no file that others may write, whatever the umask was.
  add_custom_command(TARGET ${name} POST_BUILD COMMAND chmod go-w $<TARGET_FILE:${name}>)
endfunction()
