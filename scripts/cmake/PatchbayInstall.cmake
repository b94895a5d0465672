# Install rules and the CMake package `patchbay`:
#   find_package(patchbay REQUIRED)
#   target_link_libraries(my_host PRIVATE patchbay::gateway)          # a host program
#   patchbay_add_plugin(my_plugin my_plugin.cpp)                      # a plugin (patchbay::plugin_sdk)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/patchbay)
get_property(modules GLOBAL PROPERTY PATCHBAY_MODULES)
list(REMOVE_ITEM modules patchbay_cli)
set(libraries patchbay_asio patchbay_base patchbay_runtime ${modules} patchbay_interfaces patchbay_gateway)
foreach(library IN LISTS libraries)
  string(REPLACE "patchbay_" "" short ${library})
  set_target_properties(${library} PROPERTIES EXPORT_NAME ${short})
endforeach()
set_target_properties(patchbay_plugin_sdk PROPERTIES EXPORT_NAME plugin_sdk)

install(TARGETS ${libraries} patchbay_plugin_sdk EXPORT patchbay
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/patchbay
        FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/patchbay
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} ${CMAKE_INSTALL_INCLUDEDIR}/patchbay)
install(EXPORT patchbay NAMESPACE patchbay:: FILE patchbayTargets.cmake DESTINATION ${package_dir})
foreach(plugin IN ITEMS echo home_assistant)
  if(TARGET patchbay_plugin_${plugin})
    install(TARGETS patchbay_plugin_${plugin} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/patchbay/plugins
            PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  endif()
endforeach()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/patchbayConfig.cmake.in ${CMAKE_BINARY_DIR}/patchbayConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/patchbayConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/patchbayConfig.cmake ${CMAKE_BINARY_DIR}/patchbayConfigVersion.cmake DESTINATION ${package_dir})
foreach(file IN ITEMS ${CMAKE_CURRENT_LIST_DIR}/PatchbayPlugin.cmake ${CMAKE_CURRENT_LIST_DIR}/Findcjose.cmake ${PROJECT_SOURCE_DIR}/plugins/sdk/plugin.map)
  if(EXISTS ${file})
    install(FILES ${file} DESTINATION ${package_dir})
  endif()
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
