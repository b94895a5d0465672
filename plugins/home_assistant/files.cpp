// Category files, reading: what is in the folder of Home Assistant's configuration.
#include <spdlog/fmt/fmt.h>

#include <boost/asio/post.hpp>

#include "plugins/home_assistant/encoding.hpp"
#include "plugins/home_assistant/file_fields.hpp"
#include "plugins/home_assistant/pattern.hpp"
#include "plugins/home_assistant/plugin.hpp"
#include "plugins/sdk/utf8.hpp"

namespace patchbay::home_assistant {

struct ReadFileArgs {
  std::string file_path;
  std::int64_t start_line = 1;
  std::optional<std::int64_t> max_lines;
};
struct ReadFileResult {
  std::string filepath;
  std::optional<std::string> content;
  std::optional<std::string> content_base64;
  std::string encoding = "utf-8";
  std::uint64_t size = 0;
  std::string hash;
  std::string modified;
  std::optional<std::uint64_t> total_lines;
  std::optional<std::uint64_t> next_line;
};
struct ListDirectoryArgs {
  std::string dir_path;
  std::int64_t limit = 500;
  std::optional<std::string> cursor;
};
struct DirectoryItem {
  std::string name;
  FileKind type = FileKind::file;
  std::string path;
  std::optional<std::uint64_t> size;
  std::optional<bool> is_protected;
};
struct ListDirectoryResult {
  std::string directory;
  std::vector<DirectoryItem> items;
  std::uint64_t count = 0, total = 0;
  std::optional<std::string> next_cursor;
};
struct ListFilesArgs {
  std::string directory = ".";
  std::optional<std::vector<std::string>> extensions;
  bool recursive = false;
  std::int64_t limit = 500;
  std::optional<std::string> cursor;
};
struct ListedFile {
  std::string name, path;
  std::uint64_t size = 0;
  std::string extension;
};
struct ListFilesResult {
  std::string directory;
  std::vector<ListedFile> files;
  std::uint64_t count = 0, total = 0;
  std::optional<std::string> next_cursor;
};
struct TreeArgs {
  std::string dir_path = ".";
  std::int64_t max_depth = 5;
  std::int64_t limit = 1'000;
};
struct TreeResult {
  std::string name, type, path;
  RawJson children{"[]"};
  std::optional<bool> truncated;
  std::uint64_t count = 0;
};
struct SearchArgs {
  std::string pattern;
  std::string directory = ".";
  std::optional<std::vector<std::string>> extensions;
  bool recursive = true;
  std::string match = "content";
  std::int64_t max_matches = 100;
  std::int64_t context_lines = 0;
};
struct FoundLine {
  std::uint64_t line = 0;
  std::string text;
  std::optional<std::vector<std::string>> before, after;
};
struct FoundFile {
  std::string filepath;
  std::uint64_t size = 0;
  std::vector<FoundLine> lines;
};
struct SearchResult {
  std::vector<FoundFile> matches;
  std::uint64_t count = 0, line_count = 0, searched = 0, skipped = 0;
  std::string pattern_is = "expression";
  std::optional<std::string> note;
  bool truncated = false;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::ReadFileArgs> {
  using A = ha::ReadFileArgs;
  static constexpr std::tuple fields{
      ha::path_field("file_path", &A::file_path).alias("filepath"),
      field("start_line", &A::start_line, "First line to return, from 1").optional().at_least(1),
      field("max_lines", &A::max_lines, "How many lines at most; absent: all").nullable().range(1, 1'000'000)};
};
template <>
struct Describe<ha::ReadFileResult> {
  using R = ha::ReadFileResult;
  static constexpr std::tuple fields{
      field("filepath", &R::filepath, "Path relative to the configuration folder"),
      field("content", &R::content, "The text; absent where the file is not UTF-8"),
      field("content_base64", &R::content_base64, "The bytes, where the file is not UTF-8"),
      field("encoding", &R::encoding, "utf-8 or base64"),
      field("size", &R::size, "Bytes of the whole file"),
      field("hash", &R::hash, "SHA-256 of the whole file, for expected_hash"),
      field("modified", &R::modified, "When it was last written"),
      field("total_lines", &R::total_lines, "Lines of the whole file"),
      field("next_line", &R::next_line, "start_line of the next part; absent at the end")};
};
template <>
struct Describe<ha::ListDirectoryArgs> {
  using A = ha::ListDirectoryArgs;
  static constexpr std::tuple fields{ha::folder_field("dir_path", &A::dir_path).alias("dirpath"),
                                     ha::limit_field(&A::limit), ha::cursor_field(&A::cursor)};
};
template <>
struct Describe<ha::DirectoryItem> {
  using R = ha::DirectoryItem;
  static constexpr std::tuple fields{
      field("name", &R::name, "Its name"), field("type", &R::type, "file, directory, link or other"),
      field("path", &R::path, "Path relative to the configuration folder"), field("size", &R::size, "Bytes of a file"),
      field("protected", &R::is_protected, "true: holds credentials and is not opened by tools")};
};
template <>
struct Describe<ha::ListDirectoryResult> {
  using R = ha::ListDirectoryResult;
  static constexpr std::tuple fields{
      field("directory", &R::directory, "The folder"), field("items", &R::items, "Folders first, by name"),
      field("count", &R::count, "How many are here"), field("total", &R::total, "How many there are in all"),
      field("next_cursor", &R::next_cursor, "For the next page; absent on the last")};
};
template <>
struct Describe<ha::ListFilesArgs> {
  using A = ha::ListFilesArgs;
  static constexpr std::tuple fields{ha::folder_field("directory", &A::directory).alias("path"),
                                     ha::extensions_field(&A::extensions),
                                     field("recursive", &A::recursive, "Include subfolders").nullable(),
                                     ha::limit_field(&A::limit), ha::cursor_field(&A::cursor)};
};
template <>
struct Describe<ha::ListedFile> {
  using R = ha::ListedFile;
  static constexpr std::tuple fields{
      field("name", &R::name, "Its name"), field("path", &R::path, "Path relative to the configuration folder"),
      field("size", &R::size, "Bytes"), field("extension", &R::extension, "Without the dot")};
};
template <>
struct Describe<ha::ListFilesResult> {
  using R = ha::ListFilesResult;
  static constexpr std::tuple fields{
      field("directory", &R::directory, "The folder"), field("files", &R::files, "By path"),
      field("count", &R::count, "How many are here"), field("total", &R::total, "How many there are in all"),
      field("next_cursor", &R::next_cursor, "For the next page; absent on the last")};
};
template <>
struct Describe<ha::TreeArgs> {
  using A = ha::TreeArgs;
  static constexpr std::tuple fields{
      ha::folder_field("dir_path", &A::dir_path).alias("dirpath"),
      field("max_depth", &A::max_depth, "Greatest depth").nullable().range(0, 32),
      field("limit", &A::limit, "Greatest number of files and folders").nullable().range(1, 10'000)};
};
template <>
struct Describe<ha::TreeResult> {
  using R = ha::TreeResult;
  static constexpr std::tuple fields{
      field("name", &R::name, "The folder's name"),
      field("type", &R::type, "directory"),
      field("path", &R::path, "Path relative to the configuration folder"),
      field("children", &R::children, "What is in it: name, type, path, size of files, children, truncated, protected")
          .type("array"),
      field("truncated", &R::truncated, "true: not all is shown, for its depth or number"),
      field("count", &R::count, "Files and folders shown")};
};
template <>
struct Describe<ha::SearchArgs> {
  using A = ha::SearchArgs;
  static constexpr std::tuple fields{
      field("pattern", &A::pattern,
            "Regular expression, matched without regard to case; one that cannot be used is taken as plain text")
          .length(1, 1'000),
      ha::folder_field("directory", &A::directory).alias("path"),
      ha::extensions_field(&A::extensions),
      field("recursive", &A::recursive, "Search subfolders too").nullable(),
      field("match", &A::match, "content: lines of files; name: names of files (*.yaml works too)")
          .optional()
          .one_of("content", "name"),
      field("max_matches", &A::max_matches, "Greatest number of lines, or files by name").nullable().range(1, 2'000),
      field("context_lines", &A::context_lines, "Lines shown before and after each").nullable().range(0, 5)};
};
template <>
struct Describe<ha::FoundLine> {
  using R = ha::FoundLine;
  static constexpr std::tuple fields{
      field("line", &R::line, "Its number, from 1"), field("text", &R::text, "The line, at most 300 bytes of it"),
      field("before", &R::before, "Lines before it"), field("after", &R::after, "Lines after it")};
};
template <>
struct Describe<ha::FoundFile> {
  using R = ha::FoundFile;
  static constexpr std::tuple fields{field("filepath", &R::filepath, "Path relative to the configuration folder"),
                                     field("size", &R::size, "Bytes"),
                                     field("lines", &R::lines, "Lines that match; empty when searching names")};
};
template <>
struct Describe<ha::SearchResult> {
  using R = ha::SearchResult;
  static constexpr std::tuple fields{
      field("matches", &R::matches, "Files with a match, by path"),
      field("count", &R::count, "How many files"),
      field("line_count", &R::line_count, "How many lines"),
      field("searched", &R::searched, "Files that were looked into"),
      field("skipped", &R::skipped, "Files left out: protected, binary, larger than 1 MiB, or not readable"),
      field("pattern_is", &R::pattern_is, "expression, or text when it could not be used as one"),
      field("note", &R::note, "Why it was taken as text"),
      field("truncated", &R::truncated, "Whether there may be more")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

template <class A, class R>
constexpr sdk::Operation<A, R> file_read(char const* name, char const* summary, char const* example) {
  return {.name = name,
          .summary = summary,
          .scope = "ha.files",
          .category = "files",
          .timeout = std::chrono::seconds{20},
          .errors = file_errors,
          .example = example};
}
constexpr auto read_file_op = file_read<ReadFileArgs, ReadFileResult>(
    "read_file", "Read a text file below Home Assistant's configuration folder.",
    R"({"file_path":"automations.yaml"})");
constexpr auto list_directory_op = file_read<ListDirectoryArgs, ListDirectoryResult>(
    "list_directory", "List files and folders directly inside one folder of the configuration.",
    R"({"dir_path":"packages"})");
constexpr auto list_files_op = file_read<ListFilesArgs, ListFilesResult>(
    "list_files", "List files of a folder with size and extension, optionally with subfolders.",
    R"({"extensions":["yaml"],"recursive":true})");
constexpr auto tree_op = file_read<TreeArgs, TreeResult>(
    "get_directory_tree", "Return the tree of folders and files to a given depth.", R"({"max_depth":2})");
constexpr auto search_op = file_read<SearchArgs, SearchResult>(
    "search_files", "Find files whose lines (or names) match a regular expression or plain text.",
    R"({"pattern":"platform: *template","extensions":["yaml"]})");

constexpr int deepest = 32;
constexpr std::size_t most_walked = 50'000;
constexpr std::size_t longest_line = 300;

std::string modified_text(std::int64_t seconds) { return iso_of_seconds(static_cast<double>(seconds)); }

std::size_t count_lines(std::string_view text) {
  auto const breaks = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  return breaks + (text.empty() || text.ends_with('\n') ? 0 : 1);
}

Tool<ReadFileResult> read_file(HomeAssistant& self, sdk::Call&, ReadFileArgs args) {
  auto folder = self.files().folder();
  if (!folder) co_return folder.error();
  auto file = (*folder)->read(args.file_path, most_file_bytes, "/file_path");
  if (!file) co_return file.error();
  sdk::Answer<ReadFileResult> out;
  out.data.filepath = file->info.path;
  out.data.size = file->bytes.size();
  out.data.hash = content_hash(file->bytes);
  out.data.modified = modified_text(file->info.modified);
  out.message = fmt::format("Read {} ({} bytes)", file->info.path, file->bytes.size());
  if (!is_utf8(file->bytes)) {
    out.data.encoding = "base64";
    out.data.content_base64 = base64_of(file->bytes);
    co_return out;
  }
  std::string_view text = file->bytes;
  auto const total = count_lines(text);
  out.data.total_lines = total;
  auto const first = static_cast<std::size_t>(args.start_line);
  if (first > 1 && first > total)
    co_return Error{Code::invalid_argument, fmt::format("the file has {} lines", total), "/start_line"};
  for (std::size_t line = 1; line < first; ++line) text.remove_prefix(text.find('\n') + 1);
  if (args.max_lines) {
    std::size_t end = 0;
    auto left = static_cast<std::size_t>(*args.max_lines);
    for (; left > 0 && end < text.size(); --left) {
      auto const cut = text.find('\n', end);
      end = cut == std::string_view::npos ? text.size() : cut + 1;
    }
    if (end < text.size()) out.data.next_line = first + static_cast<std::size_t>(*args.max_lines);
    text = text.substr(0, end);
  }
  out.data.content = std::string{text};
  co_return out;
}

Tool<ListDirectoryResult> list_directory(HomeAssistant& self, sdk::Call&, ListDirectoryArgs args) {
  auto folder = self.files().folder();
  if (!folder) co_return folder.error();
  auto entries = (*folder)->list(args.dir_path, "/dir_path");
  if (!entries) co_return entries.error();
  auto path = (*folder)->cleaned(args.dir_path, "/dir_path");
  sdk::Answer<ListDirectoryResult> out;
  out.data.directory = path->empty() ? "." : *path;
  out.data.total = entries->size();
  std::size_t from = 0;
  if (args.cursor) {
    auto const at =
        std::find_if(entries->begin(), entries->end(), [&](auto const& one) { return one.name == *args.cursor; });
    if (at == entries->end())
      co_return Error{Code::invalid_argument, "no longer in the folder; begin again without a cursor", "/cursor"};
    from = static_cast<std::size_t>(at - entries->begin()) + 1;
  }
  for (auto i = from; i < entries->size(); ++i) {
    if (out.data.items.size() == static_cast<std::size_t>(args.limit)) {
      out.data.next_cursor = out.data.items.back().name;
      break;
    }
    auto& one = (*entries)[i];
    DirectoryItem item{std::move(one.name), one.kind, std::move(one.path), {}, {}};
    if (one.kind == FileKind::file) item.size = one.size;
    if (one.is_protected) item.is_protected = true;
    out.data.items.push_back(std::move(item));
  }
  out.data.count = out.data.items.size();
  out.message =
      fmt::format("Found {} item{} in {}", out.data.total, out.data.total == 1 ? "" : "s", out.data.directory);
  co_return out;
}

std::string extension_of(std::string_view name) {
  auto const dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? std::string{} : std::string{name.substr(dot + 1)};
}

bool has_extension(std::string_view name, std::optional<std::vector<std::string>> const& wanted) {
  if (!wanted || wanted->empty()) return true;
  auto const extension = extension_of(name);
  for (std::string_view one : *wanted) {
    if (one.starts_with('.')) one.remove_prefix(1);
    if (std::equal(one.begin(), one.end(), extension.begin(), extension.end(),
                   [](char a, char b) { return std::tolower(a) == std::tolower(b); }))
      return true;
  }
  return false;
}

// All files below a folder, by path; links are not followed and what is protected is not entered.
// A folder that cannot be read is left out, but for the one that was asked for.
Result<std::vector<FileInfo>> files_below(Folder const& folder, std::string_view path, bool recursive) {
  std::vector<FileInfo> out;
  std::vector<std::pair<std::string, int>> open{{std::string{path}, 0}};
  bool first = true;
  while (!open.empty()) {
    auto const [now, depth] = std::move(open.back());
    open.pop_back();
    auto entries = folder.list(now, "/directory");
    if (!entries && first) return entries.error();
    first = false;
    if (!entries) continue;
    for (auto& entry : *entries) {
      if (entry.kind == FileKind::directory && recursive && depth < deepest && !entry.is_protected)
        open.emplace_back(entry.path, depth + 1);
      if (entry.kind != FileKind::file) continue;
      if (out.size() == most_walked)
        return Error{Code::too_large, fmt::format("more than {} files; name a smaller folder", most_walked),
                     "/directory"};
      out.push_back(std::move(entry));
    }
  }
  std::sort(out.begin(), out.end(), [](auto const& a, auto const& b) { return a.path < b.path; });
  return out;
}

Tool<ListFilesResult> list_files(HomeAssistant& self, sdk::Call&, ListFilesArgs args) {
  auto folder = self.files().folder();
  if (!folder) co_return folder.error();
  auto path = (*folder)->cleaned(args.directory, "/directory");
  if (!path) co_return path.error();
  auto found = files_below(**folder, *path, args.recursive);
  if (!found) co_return found.error();
  sdk::Answer<ListFilesResult> out;
  out.data.directory = path->empty() ? "." : *path;
  for (auto& one : *found) {
    if (!has_extension(one.name, args.extensions)) continue;
    ++out.data.total;
    if (args.cursor && one.path <= *args.cursor) continue;
    if (out.data.files.size() == static_cast<std::size_t>(args.limit)) {
      if (!out.data.next_cursor) out.data.next_cursor = out.data.files.back().path;
      continue;
    }
    auto extension = extension_of(one.name);
    out.data.files.push_back({std::move(one.name), std::move(one.path), one.size, std::move(extension)});
  }
  out.data.count = out.data.files.size();
  out.message = fmt::format("Found {} file{}", out.data.total, out.data.total == 1 ? "" : "s");
  co_return out;
}

struct TreeWriter {
  Folder const& folder;
  json::Writer& writer;
  std::int64_t left;
  bool cut = false;

  void text(std::string_view key, std::string_view value) {
    json::write_key(writer, key);
    json::write_text(writer, value);
  }
  void yes(std::string_view key) {
    json::write_key(writer, key);
    writer.Bool(true);
  }
  // The list of what is in a folder.
  void children(std::vector<FileInfo> const& entries, std::int64_t depth) {
    writer.StartArray();
    for (auto const& entry : entries) {
      if (left == 0) {
        cut = true;
        break;
      }
      --left;
      writer.StartObject();
      text("name", entry.name);
      text("type", EnumNames<FileKind>::names[static_cast<std::size_t>(entry.kind)].first);
      text("path", entry.path);
      if (entry.kind == FileKind::file) {
        json::write_key(writer, "size");
        writer.Uint64(entry.size);
      }
      if (entry.is_protected) yes("protected");
      if (entry.kind == FileKind::directory && !entry.is_protected) inside(entry, depth - 1);
      writer.EndObject();
    }
    writer.EndArray();
  }
  void inside(FileInfo const& entry, std::int64_t depth) {
    auto entries = folder.list(entry.path, "/dir_path");
    if (!entries) return text("error", entries.error().message);
    if (depth <= 0 && !entries->empty()) {
      cut = true;
      return yes("truncated");
    }
    json::write_key(writer, "children");
    children(*entries, depth);
  }
};

Tool<TreeResult> directory_tree(HomeAssistant& self, sdk::Call&, TreeArgs args) {
  auto folder = self.files().folder();
  if (!folder) co_return folder.error();
  auto path = (*folder)->cleaned(args.dir_path, "/dir_path");
  if (!path) co_return path.error();
  auto entries = (*folder)->list(*path, "/dir_path");
  if (!entries) co_return entries.error();
  json::Buffer buffer;
  json::Writer writer{buffer};
  TreeWriter tree{**folder, writer, args.limit};
  if (args.max_depth == 0) {
    tree.cut = !entries->empty();
    entries->clear();
  }
  tree.children(*entries, args.max_depth);
  sdk::Answer<TreeResult> out;
  out.data.name = path->empty() ? "." : path->substr(path->rfind('/') + 1);
  out.data.type = "directory";
  out.data.path = path->empty() ? "." : *path;
  out.data.children = RawJson{std::string{buffer.GetString(), buffer.GetSize()}};
  if (tree.cut) out.data.truncated = true;
  out.data.count = static_cast<std::uint64_t>(args.limit - tree.left);
  out.message = fmt::format("{} item{} below {}", out.data.count, out.data.count == 1 ? "" : "s", out.data.path);
  co_return out;
}

std::vector<std::string_view> text_lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    auto const cut = text.find('\n');
    auto line = text.substr(0, cut);
    if (line.ends_with('\r')) line.remove_suffix(1);
    out.push_back(line);
    text = cut == std::string_view::npos ? std::string_view{} : text.substr(cut + 1);
  }
  return out;
}

// At most 300 bytes of a line, cut between characters; bytes that are no UTF-8 shown as "?".
std::string shown(std::string_view line) {
  auto end = std::min(line.size(), longest_line);
  while (end < line.size() && end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80U) --end;
  std::string out{line.substr(0, end)};
  if (!is_utf8(out))
    for (char& c : out)
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  return out;
}

void search_in(std::string_view text, Pattern const& pattern, SearchArgs const& args, FoundFile& out,
               std::uint64_t most) {
  auto const lines = text_lines_of(text);
  auto const around = static_cast<std::size_t>(args.context_lines);
  for (std::size_t i = 0; i < lines.size() && out.lines.size() < most; ++i) {
    if (!pattern.occurs_in(lines[i])) continue;
    FoundLine found{i + 1, shown(lines[i]), {}, {}};
    if (around > 0) {
      found.before.emplace();
      found.after.emplace();
      for (auto k = i - std::min(i, around); k < i; ++k) found.before->push_back(shown(lines[k]));
      for (auto k = i + 1; k < lines.size() && k <= i + around; ++k) found.after->push_back(shown(lines[k]));
    }
    out.lines.push_back(std::move(found));
  }
}

// "*.yaml" and "?" as people write them for names; anything else is an expression.
Result<Pattern> name_pattern(std::string_view text) {
  if (!text.starts_with('*') && !text.starts_with('?')) return Pattern::compile(text);
  std::string expression = "^";
  for (char c : text) {
    if (c == '*')
      expression += ".*";
    else if (c == '?')
      expression += '.';
    else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80) != 0)
      expression += c;
    else
      expression.append("\\").append(1, c);
  }
  return Pattern::compile(expression + "$");
}

Tool<SearchResult> search_files(HomeAssistant& self, sdk::Call& call, SearchArgs args) {
  auto folder = self.files().folder();
  if (!folder) co_return folder.error();
  auto path = (*folder)->cleaned(args.directory, "/directory");
  if (!path) co_return path.error();
  bool const by_name = args.match == "name";
  sdk::Answer<SearchResult> out;
  auto compiled = by_name ? name_pattern(args.pattern) : Pattern::compile(args.pattern);
  if (!compiled) {
    out.data.pattern_is = "text";
    out.data.note = compiled.error().message;
  }
  auto const pattern = compiled ? std::move(*compiled) : Pattern::text(args.pattern);
  auto found = files_below(**folder, *path, args.recursive);
  if (!found) co_return found.error();
  auto const most = static_cast<std::uint64_t>(args.max_matches);
  auto turn = std::chrono::steady_clock::now();
  for (auto const& file : *found) {
    if (!has_extension(file.name, args.extensions)) continue;
    if ((by_name ? out.data.count : out.data.line_count) >= most) {
      out.data.truncated = true;
      break;
    }
    FoundFile one{file.path, file.size, {}};
    if (by_name) {
      ++out.data.searched;
      if (!pattern.occurs_in(file.name)) continue;
    } else {
      auto content = (*folder)->read(file.path, most_file_bytes, "/directory");
      if (!content || std::string_view{content->bytes}.substr(0, 8192).find('\0') != std::string_view::npos) {
        ++out.data.skipped;
        continue;
      }
      ++out.data.searched;
      search_in(content->bytes, pattern, args, one, most - out.data.line_count);
    }
    if (by_name || !one.lines.empty()) {
      out.data.line_count += one.lines.size();
      out.data.matches.push_back(std::move(one));
      out.data.count = out.data.matches.size();
    }
    // Other calls have their turn between files.
    if (std::chrono::steady_clock::now() - turn > std::chrono::milliseconds{5}) {
      if (call.cancelled() || call.time_left() < std::chrono::seconds{1})
        co_return Error{Code::deadline_exceeded, "there is too much to search; name a smaller folder or extensions"};
      co_await boost::asio::post(self.host().executor(), sdk::use_task);
      turn = std::chrono::steady_clock::now();
    }
  }
  if (!by_name && out.data.line_count >= most) out.data.truncated = true;
  out.message = fmt::format("Found matches in {} file{}", out.data.count, out.data.count == 1 ? "" : "s");
  co_return out;
}

}  // namespace

void declare_files(sdk::Table<HomeAssistant>& table) {
  add_tool<read_file_op, &read_file>(table);
  add_tool<list_directory_op, &list_directory>(table);
  add_tool<list_files_op, &list_files>(table);
  add_tool<tree_op, &directory_tree>(table);
  add_tool<search_op, &search_files>(table);
}

}  // namespace patchbay::home_assistant
