# Compiles the static pages into the program. In the top CMakeLists.txt, after the library `gateway`:
#
#   include(embed_pages)
#   patchbay_embed_pages(patchbay_gateway gateway/surfaces/pages)
#
# Each file of the folder becomes a Page (gateway/surfaces/pages.hpp) under /docs, those of its folder `static` under
# /static; docs.html is /docs itself. Run as a script (cmake -P) it writes the source file.

if(CMAKE_SCRIPT_MODE_FILE)
  set(rows "")
  set(texts "")
  set(index 0)
  foreach(file IN LISTS FILES)
    get_filename_component(name ${file} NAME)
    get_filename_component(kind ${file} LAST_EXT)
    set(type_.html "text/html; charset=utf-8")
    set(type_.js "text/javascript; charset=utf-8")
    set(type_.css "text/css; charset=utf-8")
    set(type_.svg "image/svg+xml")
    if(NOT DEFINED type_${kind})
      message(FATAL_ERROR "${file}: no content type is known for ${kind}")
    endif()
    set(path "/docs/${name}")
    if(file MATCHES "/static/[^/]+$")
      set(path "/static/${name}")
    elseif(name STREQUAL "docs.html")
      set(path "/docs")
    endif()
    file(READ ${file} text)
    file(SHA256 ${file} hash)
    string(SUBSTRING ${hash} 0 16 hash)
    string(APPEND texts "constexpr std::string_view file_${index} = R\"embedded(${text})embedded\";\n")
    string(APPEND rows "    {\"${path}\", \"${type_${kind}}\", file_${index}, R\"(\"${hash}\")\"},\n")
    math(EXPR index "${index} + 1")
  endforeach()
  file(WRITE ${OUT} "// Written by scripts/cmake/embed_pages.cmake.
#include \"gateway/surfaces/pages.hpp\"

namespace patchbay::http {
namespace {
${texts}
constexpr Page all[] = {
${rows}};
}  // namespace

std::span<Page const> pages() { return all; }

}  // namespace patchbay::http
")
  return()
endif()

function(patchbay_embed_pages target folder)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/embedded_pages.cpp)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} "-DFILES=${files}" -DOUT=${out} -P ${PROJECT_SOURCE_DIR}/scripts/cmake/embed_pages.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/scripts/cmake/embed_pages.cmake
    COMMENT "Embedding pages"
    VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
