// Category files, changing: write, delete, move and copy below the configuration folder, with a version kept of what is
// replaced or removed.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/encoding.hpp"
#include "plugins/home_assistant/file_fields.hpp"
#include "plugins/home_assistant/plugin.hpp"

namespace patchbay::home_assistant {

struct WriteFileArgs {
  std::string file_path, content;
  bool create_only = false;
  bool backup = true;
  bool check = true;
  std::optional<std::string> expected_hash;
};
struct WriteFileResult {
  std::string path;
  std::uint64_t bytes_written = 0;
  bool created = false;
  std::optional<std::string> previous_hash;
  std::string hash;
  std::optional<std::string> previous_version;
};
struct DeleteFileArgs {
  std::string file_path;
  bool confirm = false;
  std::optional<std::string> expected_hash;
};
struct DeleteFileResult {
  std::string path;
  bool deleted = true;
  std::optional<std::string> previous_hash, previous_version;
};
struct CreateDirectoryArgs {
  std::string dir_path;
};
struct CreateDirectoryResult {
  std::string path;
  bool created = false;
};
struct MoveFileArgs {
  std::string source, destination;
  bool overwrite = false;
  std::optional<std::string> expected_hash;
};
struct MoveFileResult {
  std::string source, destination;
  bool overwritten = false;
  std::optional<std::string> previous_version;
};
struct CopyFileResult {
  std::string source, destination;
  std::uint64_t files = 0, bytes = 0, skipped = 0;
  std::optional<std::string> previous_version;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::WriteFileArgs> {
  using A = ha::WriteFileArgs;
  static constexpr std::tuple fields{
      ha::path_field("file_path", &A::file_path).alias("filepath"),
      field("content", &A::content, "Whole new content").length(0, 1'048'576),
      field("create_only", &A::create_only, "Refuse with conflict when the file exists").nullable(),
      field("backup", &A::backup, "Keep what was there as a version").nullable(),
      field("check", &A::check, "Refuse .yaml and .json that cannot be read as such").nullable(),
      ha::expected_file_field(&A::expected_hash)};
};
template <>
struct Describe<ha::WriteFileResult> {
  using R = ha::WriteFileResult;
  static constexpr std::tuple fields{
      field("path", &R::path, "Path relative to the configuration folder"),
      field("bytes_written", &R::bytes_written, "Bytes of the new content"),
      field("created", &R::created, "Whether the file is new"),
      field("previous_hash", &R::previous_hash, "Hash of what was there"),
      field("hash", &R::hash, "Hash of what is there now"),
      field("previous_version", &R::previous_version, "What was there, kept for ha_restore_version (kind file)")};
};
template <>
struct Describe<ha::DeleteFileArgs> {
  using A = ha::DeleteFileArgs;
  static constexpr std::tuple fields{
      ha::path_field("file_path", &A::file_path).alias("filepath"),
      field("confirm", &A::confirm,
            "Needed for configuration.yaml, the recorder's database, and files too large to be kept as a version")
          .nullable(),
      ha::expected_file_field(&A::expected_hash)};
};
template <>
struct Describe<ha::DeleteFileResult> {
  using R = ha::DeleteFileResult;
  static constexpr std::tuple fields{
      field("path", &R::path, "Path relative to the configuration folder"), field("deleted", &R::deleted, "true"),
      field("previous_hash", &R::previous_hash, "Hash of what was there"),
      field("previous_version", &R::previous_version, "What was there, kept for ha_restore_version (kind file)")};
};
template <>
struct Describe<ha::CreateDirectoryArgs> {
  using A = ha::CreateDirectoryArgs;
  static constexpr std::tuple fields{ha::path_field("dir_path", &A::dir_path).alias("dirpath")};
};
template <>
struct Describe<ha::CreateDirectoryResult> {
  using R = ha::CreateDirectoryResult;
  static constexpr std::tuple fields{field("path", &R::path, "Path relative to the configuration folder"),
                                     field("created", &R::created, "false: it was there already")};
};
template <>
struct Describe<ha::MoveFileArgs> {
  using A = ha::MoveFileArgs;
  static constexpr std::tuple fields{
      ha::path_field("source", &A::source).alias("source_path"),
      ha::path_field("destination", &A::destination).alias("dest_path", "destination_path"),
      field("overwrite", &A::overwrite, "Replace a file that is at the destination; it is kept as a version")
          .nullable(),
      field("expected_hash", &A::expected_hash,
            "Refuse with conflict unless this is the hash of the file at the source")
          .nullable()
          .length(0, 255)};
};
template <>
struct Describe<ha::MoveFileResult> {
  using R = ha::MoveFileResult;
  static constexpr std::tuple fields{
      field("source", &R::source, "Where it was"), field("destination", &R::destination, "Where it is"),
      field("overwritten", &R::overwritten, "Whether a file was replaced"),
      field("previous_version", &R::previous_version, "The replaced file, kept for ha_restore_version (kind file)")};
};
template <>
struct Describe<ha::CopyFileResult> {
  using R = ha::CopyFileResult;
  static constexpr std::tuple fields{
      field("source", &R::source, "What was copied"),
      field("destination", &R::destination, "Where the copy is"),
      field("files", &R::files, "How many files"),
      field("bytes", &R::bytes, "How many bytes"),
      field("skipped", &R::skipped, "Links, pipes and devices left out"),
      field("previous_version", &R::previous_version, "A replaced file, kept for ha_restore_version (kind file)")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

template <class A, class R>
constexpr sdk::Operation<A, R> file_change(char const* name, char const* summary, char const* example, Effect effect) {
  return {.name = name,
          .summary = summary,
          .effect = effect,
          .scope = "ha.files",
          .category = "files",
          .timeout = std::chrono::seconds{20},
          .errors = file_errors,
          .example = example};
}
constexpr auto write_op = file_change<WriteFileArgs, WriteFileResult>(
    "write_file", "Create or replace a text file below the configuration folder, making folders as needed.",
    R"({"file_path":"packages/lights.yaml","content":"light: []\n"})", Effect::destructive);
constexpr auto delete_file_op = file_change<DeleteFileArgs, DeleteFileResult>(
    "delete_file", "Delete one file of the configuration folder; a version of it is kept.",
    R"({"file_path":"packages/old.yaml"})", Effect::destructive);
constexpr auto make_op = [] {
  auto op = file_change<CreateDirectoryArgs, CreateDirectoryResult>("create_directory",
                                                                    "Create a folder, including missing parents.",
                                                                    R"({"dir_path":"packages/rooms"})", Effect::write);
  op.aliases = "make_directory";
  return op;
}();
constexpr auto move_op = file_change<MoveFileArgs, MoveFileResult>(
    "move_file", "Move or rename a file or folder within the configuration folder.",
    R"({"source":"old.yaml","destination":"packages/new.yaml"})", Effect::destructive);
constexpr auto copy_op = file_change<MoveFileArgs, CopyFileResult>(
    "copy_file", "Copy a file or a folder tree within the configuration folder.",
    R"({"source":"packages","destination":"packages.old"})", Effect::write);

constexpr std::size_t most_copied = 2'000;
constexpr std::uint64_t most_copied_bytes = std::uint64_t{64} << 20;

// Files by which Home Assistant starts, or that hold its history.
bool is_vital(std::string_view path) {
  return path == "configuration.yaml" || path.starts_with("home-assistant_v2.db");
}

Tool<WriteFileResult> write_file(HomeAssistant& self, sdk::Call&, WriteFileArgs args) {
  auto folder = self.files().folder();
  if (!folder) co_return folder.error();
  auto path = (*folder)->cleaned(args.file_path, "/file_path");
  if (!path) co_return path.error();
  if (args.check)
    if (auto good = check_file_text(*path, args.content, "/content"); !good) co_return good.error();
  FileChange change{*path, std::move(args.content), "ha_write_file", std::move(args.expected_hash)};
  change.create_only = args.create_only;
  change.keep = args.backup;
  auto written = self.files().write(std::move(change));
  if (!written) co_return written.error();
  sdk::Answer<WriteFileResult> out;
  out.message =
      fmt::format("{} {} ({} bytes)", written->created ? "Created" : "Replaced", written->path, written->size);
  out.data = {std::move(written->path), written->size,
              written->created,         std::move(written->previous_hash),
              std::move(written->hash), std::move(written->version)};
  co_return out;
}

Tool<DeleteFileResult> delete_file(HomeAssistant& self, sdk::Call&, DeleteFileArgs args) {
  auto folder = self.files().folder();
  if (!folder) co_return folder.error();
  auto path = (*folder)->cleaned(args.file_path, "/file_path");
  if (!path) co_return path.error();
  if (is_vital(*path) && !args.confirm)
    co_return Error{Code::conflict,
                    fmt::format("Home Assistant needs {}; confirm: true deletes it all the same", *path), "/confirm"};
  auto removed =
      self.files().remove(FileChange{*path, {}, "ha_delete_file", std::move(args.expected_hash)}, args.confirm);
  if (!removed) co_return removed.error();
  sdk::Answer<DeleteFileResult> out;
  out.message = fmt::format("Deleted {}", removed->path);
  out.data.path = std::move(removed->path);
  if (!removed->previous_hash.empty()) out.data.previous_hash = std::move(removed->previous_hash);
  out.data.previous_version = std::move(removed->version);
  co_return out;
}

Tool<CreateDirectoryResult> create_directory(HomeAssistant& self, sdk::Call&, CreateDirectoryArgs args) {
  auto folder = self.files().folder();
  if (!folder) co_return folder.error();
  auto path = (*folder)->cleaned(args.dir_path, "/dir_path");
  if (!path) co_return path.error();
  auto made = (*folder)->make_folder(*path, "/dir_path");
  if (!made) co_return made.error();
  sdk::Answer<CreateDirectoryResult> out;
  out.message = *made ? fmt::format("Created {}", *path) : fmt::format("{} was there already", *path);
  out.data = {std::move(*path), *made};
  co_return out;
}

struct Places {
  std::string source, destination;
  FileInfo what;
  bool replaces = false;
};

// What both moving and copying look at first.
Result<Places> places_of(Folder const& folder, MoveFileArgs const& args) {
  Places out;
  auto source = folder.cleaned(args.source, "/source");
  if (!source) return source.error();
  auto destination = folder.cleaned(args.destination, "/destination");
  if (!destination) return destination.error();
  auto what = folder.look(*source, "/source");
  if (!what) return what.error();
  if (source->empty()) return Error{Code::invalid_argument, "names the configuration folder itself", "/source"};
  if (*destination == *source || destination->starts_with(*source + "/"))
    return Error{Code::invalid_argument, "source and destination are the same, or one inside the other",
                 "/destination"};
  auto there = folder.look(*destination, "/destination");
  if (!there && there.error().code != Code::not_found) return there.error();
  if (there && !args.overwrite)
    return Error{Code::conflict, fmt::format("{} exists already; overwrite: true replaces a file", *destination),
                 "/destination"};
  out.replaces = there.has_value();
  out.source = std::move(*source);
  out.destination = std::move(*destination);
  out.what = std::move(*what);
  return out;
}

Tool<MoveFileResult> move_file(HomeAssistant& self, sdk::Call&, MoveFileArgs args) {
  auto folder = self.files().folder();
  if (!folder) co_return folder.error();
  auto places = places_of(**folder, args);
  if (!places) co_return places.error();
  if (is_vital(places->source) && !args.overwrite)
    co_return Error{
        Code::conflict,
        fmt::format("Home Assistant needs {}; copy it instead (overwrite: true moves it all the same)", places->source),
        "/source"};
  if (args.expected_hash) {
    auto now = (*folder)->read(places->source, most_version_bytes, "/source");
    if (!now) co_return now.error();
    if (auto const hash = content_hash(now->bytes); hash != *args.expected_hash)
      co_return Error{Code::conflict, fmt::format("the file was changed meanwhile: its hash is {}", hash),
                      "/expected_hash"};
  }
  sdk::Answer<MoveFileResult> out;
  if (places->replaces) {
    auto kept = self.files().keep(places->destination, "ha_move_file", "/destination");
    if (!kept) co_return kept.error();
    out.data.previous_version = std::move(*kept);
  }
  auto moved = (*folder)->move(places->source, places->destination, args.overwrite);
  if (!moved) co_return moved.error();
  out.message = fmt::format("Moved {} to {}", places->source, places->destination);
  out.data.source = std::move(places->source);
  out.data.destination = std::move(places->destination);
  out.data.overwritten = places->replaces;
  co_return out;
}

// What a tree holds, before anything of it is copied.
struct CopyPlan {
  std::vector<std::string> folders, files;  // relative to the source
  std::uint64_t bytes = 0, skipped = 0;
};
Result<CopyPlan> plan_of(Folder const& folder, std::string const& source) {
  CopyPlan out;
  std::vector<std::string> open{""};
  while (!open.empty()) {
    auto const now = std::move(open.back());
    open.pop_back();
    auto entries = folder.list(now.empty() ? source : source + "/" + now, "/source");
    if (!entries) return entries.error();
    for (auto const& entry : *entries) {
      auto path = now.empty() ? entry.name : now + "/" + entry.name;
      if (entry.is_protected)
        return Error{Code::forbidden, fmt::format("{} in it is protected, since it holds credentials", entry.path),
                     "/source"};
      if (entry.kind == FileKind::directory) {
        open.push_back(path);
        out.folders.push_back(std::move(path));
      } else if (entry.kind == FileKind::file) {
        out.bytes += entry.size;
        out.files.push_back(std::move(path));
      } else {
        ++out.skipped;
      }
      if (out.files.size() + out.folders.size() > most_copied || out.bytes > most_copied_bytes)
        return Error{
            Code::too_large,
            fmt::format("at most {} files and {} MiB are copied at once", most_copied, most_copied_bytes >> 20),
            "/source"};
    }
  }
  std::sort(out.folders.begin(), out.folders.end());
  return out;
}

Result<std::uint64_t> copy_one(Folder const& folder, std::string const& from, std::string const& to, bool create_only) {
  auto content = folder.read(from, most_copied_bytes, "/source");
  if (!content) return content.error();
  auto written = folder.write(to, content->bytes, {.create_only = create_only, .make_parents = true}, "/destination");
  if (!written) return written.error();
  return content->bytes.size();
}

Tool<CopyFileResult> copy_file(HomeAssistant& self, sdk::Call&, MoveFileArgs args) {
  auto folder = self.files().folder();
  if (!folder) co_return folder.error();
  auto places = places_of(**folder, args);
  if (!places) co_return places.error();
  sdk::Answer<CopyFileResult> out;
  if (places->what.kind == FileKind::directory) {
    if (places->replaces)
      co_return Error{Code::conflict,
                      fmt::format("{} exists already; a tree is copied to a new place", places->destination),
                      "/destination"};
    auto plan = plan_of(**folder, places->source);
    if (!plan) co_return plan.error();
    auto made = (*folder)->make_folder(places->destination, "/destination");
    if (!made) co_return made.error();
    for (auto const& one : plan->folders)
      if (made = (*folder)->make_folder(places->destination + "/" + one, "/destination"); !made) co_return made.error();
    for (auto const& one : plan->files) {
      auto bytes = copy_one(**folder, places->source + "/" + one, places->destination + "/" + one, true);
      if (!bytes) co_return bytes.error();
      out.data.bytes += *bytes;
    }
    out.data.files = plan->files.size();
    out.data.skipped = plan->skipped;
  } else {
    if (args.expected_hash) {
      auto now = (*folder)->read(places->source, most_version_bytes, "/source");
      if (!now) co_return now.error();
      if (auto const hash = content_hash(now->bytes); hash != *args.expected_hash)
        co_return Error{Code::conflict, fmt::format("the file was changed meanwhile: its hash is {}", hash),
                        "/expected_hash"};
    }
    if (places->replaces) {
      auto kept = self.files().keep(places->destination, "ha_copy_file", "/destination");
      if (!kept) co_return kept.error();
      out.data.previous_version = std::move(*kept);
    }
    auto bytes = copy_one(**folder, places->source, places->destination, !places->replaces);
    if (!bytes) co_return bytes.error();
    out.data.bytes = *bytes;
    out.data.files = 1;
  }
  out.message = fmt::format("Copied {} to {}", places->source, places->destination);
  out.data.source = std::move(places->source);
  out.data.destination = std::move(places->destination);
  co_return out;
}

}  // namespace

void declare_file_changes(sdk::Table<HomeAssistant>& table) {
  add_tool<write_op, &write_file>(table);
  add_tool<delete_file_op, &delete_file>(table);
  add_tool<make_op, &create_directory>(table);
  add_tool<move_op, &move_file>(table);
  add_tool<copy_op, &copy_file>(table);
}

}  // namespace patchbay::home_assistant
