#include "plugins/home_assistant/version_store.hpp"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "plugins/home_assistant/encoding.hpp"
#include "plugins/home_assistant/raw_json.hpp"

namespace patchbay::home_assistant {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view suffix = ".json";

Error disk_error(std::string_view doing, fs::path const& path, int number) {
  return Error{Code::internal, fmt::format("cannot {} {}: {}", doing, path.string(), std::strerror(number))};
}

std::string decoded(std::string_view text) {
  std::string out;
  auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'A' + 10; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

constexpr char cut_mark = '+';  // which is encoded in a name

// A file name of its own, never "." or "..", and short enough for any file system: what is longer ends in its hash.
std::string file_name_of(std::string_view name) {
  auto out = percent_encoded(name);
  for (std::size_t at = 0; at < out.size() && out[at] == '.'; at += 3) out.replace(at, 1, "%2E");
  constexpr std::size_t longest = 255, beginning = 150;
  if (out.size() > longest) out = out.substr(0, beginning) + cut_mark + content_hash(name);
  return out;
}

// Version names, newest first.
Result<std::vector<std::string>> versions_in(fs::path const& folder) {
  std::vector<std::string> out;
  std::error_code failed;
  for (fs::directory_iterator entry{folder, failed}, end; !failed && entry != end; entry.increment(failed)) {
    auto name = entry->path().filename().string();
    if (name.size() > suffix.size() && name.ends_with(suffix) && name[0] != '.')
      out.push_back(name.substr(0, name.size() - suffix.size()));
  }
  if (failed && failed != std::errc::no_such_file_or_directory) return disk_error("read", folder, failed.value());
  std::sort(out.rbegin(), out.rend());
  return out;
}

Result<std::string> read_file(fs::path const& path) {
  std::ifstream in{path, std::ios::binary};
  if (!in) return disk_error("read", path, errno);
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (in.bad()) return disk_error("read", path, EIO);
  if (!json::check(text))
    return Error{Code::internal, fmt::format("the version file {} is damaged: not JSON", path.string())};
  return text;
}

// The name that a folder's newest version was kept for.
Result<std::string> name_within(fs::path const& folder) {
  auto const versions = versions_in(folder);
  if (!versions) return versions.error();
  if (versions->empty()) return Error{Code::not_found, fmt::format("{} is empty", folder.string())};
  auto const text = read_file(folder / (versions->front() + std::string{suffix}));
  if (!text) return text.error();
  return raw::text(raw::member(*text, "name"));
}

Result<void> write_file(fs::path const& path, std::string_view text) {
  auto const beside = path.parent_path() / fmt::format(".{}.{}", path.filename().string(), ::getpid());
  int const file = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return disk_error("write", beside, errno);
  auto left = text;
  int problem = 0;
  while (!left.empty() && problem == 0) {
    auto const written = ::write(file, left.data(), left.size());
    if (written < 0 && errno != EINTR) problem = errno;
    if (written > 0) left.remove_prefix(static_cast<std::size_t>(written));
  }
  if (problem == 0 && ::fdatasync(file) != 0) problem = errno;
  ::close(file);
  if (problem == 0 && ::rename(beside.c_str(), path.c_str()) != 0) problem = errno;
  if (problem == 0) return {};
  ::unlink(beside.c_str());
  return disk_error("write", path, problem);
}

std::string version_name(WallTime now) {
  auto text = iso_of(now).text();  // 2026-11-21T08:15:00.123456+00:00
  if (text.find('.') == std::string::npos) text.insert(19, ".000000");
  std::string out;
  for (char c : text.substr(0, 26))
    if (c != '-' && c != ':') out += c;
  return out + "Z";
}

VersionInfo info_of(std::string_view version, std::string_view text) {
  return {std::string{version}, raw::text(raw::member(text, "saved_at")), raw::text(raw::member(text, "hash")),
          raw::text(raw::member(text, "reason")), raw::member(text, "config").size()};
}

}  // namespace

fs::path VersionStore::folder_of(std::string_view kind, std::string_view name) const {
  return folder_ / file_name_of(kind) / file_name_of(name);
}

Result<std::string> VersionStore::keep(std::string_view kind, std::string_view name, std::string_view hash,
                                       std::string_view reason, std::string_view config, std::string_view record,
                                       WallTime now) {
  auto const folder = folder_of(kind, name);
  auto versions = versions_in(folder);
  if (!versions) return versions.error();
  if (!versions->empty()) {
    auto newest = read_file(folder / (versions->front() + std::string{suffix}));
    if (newest && raw::text(raw::member(*newest, "hash")) == hash) return versions->front();
  }
  auto version = version_name(now);
  while (!versions->empty() && version <= versions->front()) {  // a clock that went back, or two within a microsecond
    now += std::chrono::microseconds{1};
    version = version_name(now);
    if (version <= versions->front()) version = versions->front() + "0";
  }
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return disk_error("make", folder, failed.value());
  ::chmod(folder_.c_str(), 0700);
  json::Buffer buffer;
  json::Writer writer{buffer};
  writer.StartObject();
  auto text_member = [&](std::string_view key, std::string_view text) {
    json::write_key(writer, key);
    json::write_text(writer, text);
  };
  text_member("kind", kind);
  text_member("name", name);
  text_member("saved_at", iso_of(now).text());
  text_member("reason", reason);
  text_member("hash", hash);
  json::write_key(writer, "record");
  json::write_raw(writer, record.empty() ? "null" : record);
  json::write_key(writer, "config");
  json::write_raw(writer, config);
  writer.EndObject();
  auto written = write_file(folder / (version + std::string{suffix}), {buffer.GetString(), buffer.GetSize()});
  if (!written) return written.error();
  for (std::size_t i = kept_versions - 1; i < versions->size(); ++i)
    fs::remove(folder / ((*versions)[i] + std::string{suffix}), failed);
  return version;
}

Result<std::vector<VersionInfo>> VersionStore::list(std::string_view kind, std::string_view name) const {
  auto const folder = folder_of(kind, name);
  auto versions = versions_in(folder);
  if (!versions) return versions.error();
  std::vector<VersionInfo> out;
  for (auto const& version : *versions) {
    auto text = read_file(folder / (version + std::string{suffix}));
    if (text) out.push_back(info_of(version, *text));  // a damaged one is left out; get() says why
  }
  return out;
}

Result<std::vector<std::string>> VersionStore::names(std::string_view kind) const {
  std::vector<std::string> out;
  std::error_code failed;
  auto const folder = folder_ / file_name_of(kind);
  for (fs::directory_iterator entry{folder, failed}, end; !failed && entry != end; entry.increment(failed)) {
    auto const name = entry->path().filename().string();
    if (name.find(cut_mark) == std::string::npos)
      out.push_back(decoded(name));
    else if (auto whole = name_within(entry->path()))
      out.push_back(std::move(*whole));
  }
  if (failed && failed != std::errc::no_such_file_or_directory) return disk_error("read", folder, failed.value());
  std::sort(out.begin(), out.end());
  return out;
}

Result<KeptVersion> VersionStore::get(std::string_view kind, std::string_view name, std::string_view version) const {
  auto const folder = folder_of(kind, name);
  auto versions = versions_in(folder);
  if (!versions) return versions.error();
  if (std::find(versions->begin(), versions->end(), version) == versions->end())
    return Error{Code::not_found,
                 fmt::format("no version {} of {} {}: {}", version, kind, name,
                             versions->empty() ? "none are kept" : "ha_list_versions shows those that are kept"),
                 "/version"};
  auto text = read_file(folder / (std::string{version} + std::string{suffix}));
  if (!text) return text.error();
  return KeptVersion{info_of(version, *text), RawJson{std::string{raw::member(*text, "config")}},
                     RawJson{std::string{raw::member(*text, "record")}}};
}

fs::path state_folder(std::string_view configured) {
  if (!configured.empty()) return fs::path{configured};
  auto from = [](char const* name) {
    char const* value = std::getenv(name);
    std::string_view const text = value != nullptr ? value : "";
    return fs::path{text.substr(0, text.find(':'))};  // systemd lists several with colons
  };
  if (auto folder = from("STATE_DIRECTORY"); folder.is_absolute()) return folder;
  if (auto folder = from("XDG_STATE_HOME"); folder.is_absolute()) return folder / "patchbay";
  if (auto folder = from("HOME"); folder.is_absolute()) return folder / ".local" / "state" / "patchbay";
  return {};
}

}  // namespace patchbay::home_assistant
