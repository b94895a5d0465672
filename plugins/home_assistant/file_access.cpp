#include "plugins/home_assistant/file_access.hpp"

#include <spdlog/fmt/fmt.h>
#include <yaml-cpp/yaml.h>

#include "plugins/home_assistant/encoding.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/yaml_documents.hpp"
#include "plugins/sdk/utf8.hpp"

namespace patchbay::home_assistant {
namespace {

Result<void> check_hash(FileChange const& change, std::string const& hash) {
  if (!change.expected_hash || *change.expected_hash == hash) return {};
  return Error{Code::conflict,
               hash.empty() ? std::string{"there is no such file, but expected_hash names one"}
                            : fmt::format("the file was changed meanwhile: its hash is {}", hash),
               "/expected_hash"};
}

}  // namespace

Result<void> check_file_text(std::string_view path, std::string_view text, std::string_view pointer) {
  if (path.ends_with(".yaml") || path.ends_with(".yml")) {
    try {
      static_cast<void>(yaml_documents(std::string{text}));
    } catch (YAML::Exception const& problem) {
      return Error{Code::invalid_argument,
                   fmt::format("not YAML: {} at line {}, column {} (check: false writes it anyway)", problem.msg,
                               problem.mark.line + 1, problem.mark.column + 1),
                   std::string{pointer}};
    }
  } else if (path.ends_with(".json")) {
    if (auto good = json::check(text); !good)
      return Error{Code::invalid_argument,
                   fmt::format("not JSON: {} (check: false writes it anyway)", good.error().message),
                   std::string{pointer}};
  }
  return {};
}

std::string version_name_of(std::string_view path) {
  constexpr std::size_t longest = 200;  // of a file name at most 255 bytes long
  if (percent_encoded(path).size() <= longest) return std::string{path};
  std::string tail{path.substr(path.rfind('/') + 1)};
  while (percent_encoded(tail).size() > 120) tail.erase(0, 1);
  while (!is_utf8(tail)) tail.erase(0, 1);
  return content_hash(path).substr(0, 32) + "-" + tail;
}

Result<Folder const*> Files::folder() {
  if (!folder_) {
    auto opened = Folder::open(settings_.config_root, {.secrets = settings_.allow_secrets});
    if (!opened) return opened.error();
    folder_.emplace(std::move(*opened));
  }
  return &*folder_;
}

Result<std::string> Files::keep_content(FileContent const& old, std::string_view tool) {
  auto const content =
      is_utf8(old.bytes) ? json::quoted(old.bytes) : fmt::format(R"({{"base64":"{}"}})", base64_of(old.bytes));
  auto const record = fmt::format(R"({{"path":{}}})", json::quoted(old.info.path));
  return versions_.keep("file", version_name_of(old.info.path), content_hash(old.bytes), tool, content, record,
                        std::chrono::system_clock::now());
}

Result<std::string> Files::content_of(std::string_view config) {
  if (config.starts_with('"')) return raw::text(config);
  auto bytes = from_base64(raw::text(raw::member(config, "base64")));
  if (!bytes) return Error{Code::internal, "the kept version is damaged: neither text nor base64"};
  return *bytes;
}

Result<std::optional<std::string>> Files::keep(std::string_view path, std::string_view tool, std::string_view pointer) {
  auto root = folder();
  if (!root) return root.error();
  auto old = (*root)->read(path, most_version_bytes, pointer);
  if (!old && old.error().code == Code::not_found) return std::optional<std::string>{};
  if (!old) return old.error();
  auto kept = keep_content(*old, tool);
  if (!kept) return kept.error();
  return std::optional<std::string>{std::move(*kept)};
}

Result<FileWritten> Files::write(FileChange change) {
  auto root = folder();
  if (!root) return root.error();
  FileWritten out;
  auto path = (*root)->cleaned(change.path, change.pointer);
  if (!path) return path.error();
  auto old = (*root)->read(*path, most_version_bytes, change.pointer);
  if (!old && old.error().code == Code::too_large)
    return Error{Code::too_large,
                 fmt::format("the file that is there is larger than {} bytes, so it could not be kept as a version; "
                             "move it away first",
                             most_version_bytes),
                 std::string{change.pointer}};
  if (!old && old.error().code != Code::not_found) return old.error();
  if (old) out.previous_hash = content_hash(old->bytes);
  out.created = !old.has_value();
  if (auto same = check_hash(change, out.previous_hash.value_or("")); !same) return same.error();
  if (old && change.create_only)
    return Error{Code::conflict, "the file exists already, and create_only was given", std::string{change.pointer}};
  out.hash = content_hash(change.bytes);
  if (old && change.keep && out.hash != *out.previous_hash) {
    auto kept = keep_content(*old, change.tool);
    if (!kept) return kept.error();
    out.version = std::move(*kept);
  }
  WriteRules const rules{.create_only = out.created, .make_parents = true};
  if (auto written = (*root)->write(*path, change.bytes, rules, change.pointer); !written) return written.error();
  out.size = change.bytes.size();
  out.path = std::move(*path);
  return out;
}

Result<FileRemoved> Files::remove(FileChange change, bool even_unkept) {
  auto root = folder();
  if (!root) return root.error();
  auto old = (*root)->read(change.path, most_version_bytes, change.pointer);
  FileRemoved out;
  if (old) {
    out.previous_hash = content_hash(old->bytes);
    if (auto same = check_hash(change, out.previous_hash); !same) return same.error();
    auto kept = keep_content(*old, change.tool);
    if (!kept) return kept.error();
    out.version = std::move(*kept);
    out.path = old->info.path;
  } else {
    // A file that is too large can only be removed for good.
    auto path = (*root)->cleaned(change.path, change.pointer);
    if (!path) return path.error();
    auto const error = old.error();
    if (error.code != Code::too_large) return error;
    if (!even_unkept)
      return Error{Code::conflict,
                   fmt::format("the file is larger than {} bytes, so no version of it can be kept; confirm: true "
                               "deletes it for good",
                               most_version_bytes),
                   "/confirm"};
    out.path = std::move(*path);
  }
  if (auto removed = (*root)->remove(out.path, change.pointer); !removed) return removed.error();
  return out;
}

}  // namespace patchbay::home_assistant
