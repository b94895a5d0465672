#include "core/config/write_back.hpp"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>

#include "core/config/node.hpp"

namespace patchbay::config {
namespace {

Error refused(std::string reason) { return Error{Code::forbidden, std::move(reason), "/persist"}; }

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> out;
  while (true) {
    auto const dot = path.find('.');
    out.emplace_back(path.substr(0, dot));
    if (dot == std::string_view::npos) return out;
    path.remove_prefix(dot + 1);
  }
}

// Byte offset of a line and column (both from 1; the parser counts columns in bytes).
std::size_t offset_of(std::string_view text, int line, int column) {
  std::size_t at = 0;
  for (int i = 1; i < line; ++i) {
    auto const end = text.find('\n', at);
    if (end == std::string_view::npos) return text.size();
    at = end + 1;
  }
  return std::min(at + static_cast<std::size_t>(column - 1), text.size());
}

// Where a scalar that begins at `at` ends on its line; npos when it goes on in the next one.
std::size_t scalar_end(std::string_view text, std::size_t at, bool in_flow) {
  char const first = at < text.size() ? text[at] : '\n';
  if (first == '"' || first == '\'') {
    for (auto i = at + 1; i < text.size() && text[i] != '\n'; ++i) {
      if (first == '"' && text[i] == '\\') {
        ++i;
      } else if (text[i] == first) {
        if (first == '\'' && i + 1 < text.size() && text[i + 1] == '\'')
          ++i;
        else
          return i + 1;
      }
    }
    return std::string_view::npos;
  }
  if (first == '|' || first == '>' || first == '&' || first == '*' || first == '!') return std::string_view::npos;
  auto end = at;
  while (end < text.size() && text[end] != '\n' && text[end] != '\r') {
    if (text[end] == '#' && end > at && (text[end - 1] == ' ' || text[end - 1] == '\t')) break;
    if (in_flow && (text[end] == ',' || text[end] == '}' || text[end] == ']')) break;
    ++end;
  }
  while (end > at && (text[end - 1] == ' ' || text[end - 1] == '\t')) --end;
  return end;
}

std::string added(std::string_view text, Node const& root, std::vector<std::string> const& names,
                  std::string_view json) {
  Node const* section = &root;
  std::size_t depth = 0;
  while (depth + 1 < names.size()) {
    auto const* next = section->find(names[depth]);
    if (next == nullptr || !next->is_map() || next->members.empty()) break;
    section = next;
    ++depth;
  }
  if (section->flow) return {};
  if (depth + 1 < names.size() && section->find(names[depth]) != nullptr) return {};  // there, but not a filled section
  std::string indent;
  std::size_t at = text.size();
  if (depth > 0) {  // before the first key of its section, at the same indentation
    auto const& first = section->members.front();
    indent.assign(static_cast<std::size_t>(first.column - 1), ' ');
    at = offset_of(text, first.line, 1);
  }
  std::string lines;
  for (auto i = depth; i + 1 < names.size(); ++i) {
    lines += indent + names[i] + ":\n";
    indent += "  ";
  }
  lines += fmt::format("{}{}: {}\n", indent, names.back(), json);
  std::string out{text};
  if (at == out.size() && !out.empty() && !out.ends_with('\n')) out += '\n';
  out.insert(depth > 0 ? at : out.size(), lines);
  return out;
}

// Whether two trees are alike in everything but the value at the path.
bool same_but(Node const& a, Node const& b, std::vector<std::string> const& names, std::size_t depth) {
  auto const empty = [](Node const& node) { return node.is_null() || (node.is_map() && node.members.empty()); };
  bool const on_path = depth < names.size();
  if (empty(a) && empty(b)) return true;
  if (on_path && (a.is_map() || empty(a)) && (b.is_map() || empty(b))) {
    static Node const nothing{};
    for (auto const* side : {&a, &b})
      for (auto const& member : side->members) {
        auto const* left = a.find(member.name);
        auto const* right = b.find(member.name);
        bool const next_on_path = member.name == names[depth];
        if (next_on_path && depth + 1 == names.size()) continue;
        if (!next_on_path && (left == nullptr || right == nullptr)) return false;
        if (!same_but(left ? *left : nothing, right ? *right : nothing, names, next_on_path ? depth + 1 : names.size()))
          return false;
      }
    return true;
  }
  if (a.kind != b.kind || a.text != b.text || a.quoted != b.quoted || a.items.size() != b.items.size() ||
      a.members.size() != b.members.size())
    return false;
  for (std::size_t i = 0; i < a.items.size(); ++i)
    if (!same_but(a.items[i], b.items[i], names, names.size())) return false;
  for (std::size_t i = 0; i < a.members.size(); ++i)
    if (a.members[i].name != b.members[i].name ||
        !same_but(a.members[i].value, b.members[i].value, names, names.size()))
      return false;
  return true;
}

Node const* node_at(Node const& root, std::vector<std::string> const& names) {
  auto const* at = &root;
  for (auto const& name : names) {
    at = at->find(name);
    if (at == nullptr) return nullptr;
  }
  return at;
}

bool in_flow(Node const& root, std::vector<std::string> const& names) {
  auto const* at = &root;
  for (auto const& name : names) {
    if (at->flow) return true;
    at = at->find(name);
    if (at == nullptr) return false;
  }
  return false;
}

}  // namespace

Result<std::string> with_value(std::string_view text, std::string_view path, std::string_view json) {
  if (json.find('\n') != std::string_view::npos || json.starts_with('[') || json.starts_with('{'))
    return refused(fmt::format("{} is no single value; change it in the file by hand and reload", path));
  Problems problems;
  auto const root = parse_yaml(text, "", problems);
  if (!root || !problems.empty())
    return refused("the file has problems of its own; repair them first (patchbay check-config)");
  auto const names = split_path(path);
  std::string out;
  auto const* node = node_at(*root, names);
  if (node != nullptr && node->is_scalar()) {
    if (node->text.find("${") != std::string::npos)
      return refused(fmt::format("{} comes from {} in the file; change it there", path, node->text));
    auto const begin = offset_of(text, node->line, node->column);
    auto const end = scalar_end(text, begin, in_flow(*root, names));
    if (end == std::string_view::npos)
      return refused(fmt::format("{} takes more than one line in the file; change it by hand and reload", path));
    out = std::string{text.substr(0, begin)} + std::string{json} + std::string{text.substr(end)};
  } else if (node == nullptr) {
    out = added(text, *root, names, json);
  }
  Problems after;
  auto const changed = out.empty() ? std::optional<Node>{} : parse_yaml(out, "", after);
  auto const* now = changed ? node_at(*changed, names) : nullptr;
  json::Document wanted;
  wanted.Parse(json.data(), json.size());
  auto const right = from_json(wanted);
  if (now == nullptr || !after.empty() || now->kind != right.kind || now->text != right.text ||
      !same_but(*root, *changed, names, 0))
    return refused(
        fmt::format("{} cannot be changed by touching one line of the file; change it by hand and reload", path));
  return out;
}

Result<void> replace_file(std::string const& path, std::string_view text) {
  auto failed = [&](std::string_view what) {
    return refused(fmt::format("{} {}: {}", path, what, std::generic_category().message(errno)));
  };
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return failed("cannot be read");
  auto next = path + ".XXXXXX";
  int const fd = ::mkostemp(next.data(), O_CLOEXEC);
  if (fd < 0) return failed("cannot be replaced");
  bool good = ::fchmod(fd, about.st_mode & 07777) == 0;
  // Someone else's file stays theirs where we may say so; where not, the write below still keeps its rights.
  if (about.st_uid != ::geteuid() || about.st_gid != ::getegid())
    good = ::fchown(fd, about.st_uid, about.st_gid) == 0 && good;
  for (std::size_t at = 0; good && at < text.size();) {
    auto const put = ::write(fd, text.data() + at, text.size() - at);
    if (put < 0 && errno == EINTR) continue;
    good = put > 0;
    if (good) at += static_cast<std::size_t>(put);
  }
  good = good && ::fsync(fd) == 0;
  auto const why = errno;
  ::close(fd);
  if (good && ::rename(next.c_str(), path.c_str()) == 0) return {};
  if (!good) errno = why;
  auto error = failed("cannot be replaced");
  ::unlink(next.c_str());
  return error;
}

}  // namespace patchbay::config
