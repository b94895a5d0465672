#define BOOST_DLL_USE_STD_FS
#include "core/plugin_host/library.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/dll/shared_library.hpp>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "core/plugin_host/elf_check.hpp"

namespace patchbay::plugin_host {
namespace {

// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor const&) = delete;
  Descriptor& operator=(Descriptor const&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// The group that bears the user's own name and has no other member.
bool is_own_group(gid_t group) {
  auto const* user = ::getpwuid(::geteuid());
  if (user == nullptr || user->pw_gid != group) return false;
  auto const* entry = ::getgrgid(group);
  return entry != nullptr && std::strcmp(entry->gr_name, user->pw_name) == 0 && entry->gr_mem[0] == nullptr;
}

// Who could put code of theirs here?
Result<void> check_owner(struct stat const& status, std::string const& what) {
  if (status.st_uid != 0 && status.st_uid != ::geteuid())
    return Error{Code::forbidden, fmt::format("{} belongs to user {}: it must belong to root or to the user that runs "
                                              "the gateway",
                                              what, status.st_uid)};
  if ((status.st_mode & S_IWOTH) != 0)
    return Error{Code::forbidden, fmt::format("{} may be written by others: run chmod o-w on it", what)};
  if ((status.st_mode & S_IWGRP) != 0 && !is_own_group(status.st_gid))
    return Error{Code::forbidden, fmt::format("{} may be written by its group: run chmod g-w on it", what)};
  return {};
}

Result<void> copy_to(int from, std::filesystem::path const& path) {
  Descriptor to{::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0500)};
  auto failed = [&] {
    return Error{Code::internal, fmt::format("cannot copy the plugin to {}: {}", path.string(), std::strerror(errno))};
  };
  if (to.get() < 0) return failed();
  std::array<char, 65536> block{};
  for (;;) {
    auto const got = ::read(from, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (got == 0) return check_elf(to.get());  // of the copy, which nobody writes to
    for (ssize_t done = 0; done < got;) {
      auto const put = ::write(to.get(), block.data() + done, static_cast<std::size_t>(got - done));
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return failed();
      done += put;
    }
  }
}

bool all_of(std::string_view text, auto allowed) { return std::all_of(text.begin(), text.end(), allowed); }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// [a-z][a-z0-9]*(_[a-z0-9]+)*
bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 64 && is_lower(text.front()) && text.back() != '_' &&
         text.find("__") == std::string_view::npos &&
         all_of(text, [](char c) { return is_lower(c) || is_digit(c) || c == '_'; });
}
bool is_prefix(std::string_view text) { return is_word(text) && text.find('_') == std::string_view::npos; }
bool is_interface(std::string_view text) {
  return !text.empty() && text.size() <= 64 && is_upper(text.front()) &&
         all_of(text, [](char c) { return is_upper(c) || is_digit(c) || c == '_'; });
}
bool is_version(std::string_view text) {
  return !text.empty() && text.size() <= 64 && is_digit(text.front()) && is_digit(text.back()) &&
         text.find("..") == std::string_view::npos && all_of(text, [](char c) { return is_digit(c) || c == '.'; });
}
std::string_view text_or(char const* text, std::string_view otherwise = {}) {
  return text == nullptr ? otherwise : std::string_view{text};
}

// Nothing is unmapped again: thread-locals and exit handlers outlive the last instance.
boost::dll::shared_library const* keep(std::unique_ptr<boost::dll::shared_library> library) {
  static std::mutex mutex;
  static auto* const kept = new std::vector<std::unique_ptr<boost::dll::shared_library>>;
  std::lock_guard lock{mutex};
  return kept->emplace_back(std::move(library)).get();
}

}  // namespace

int compare_versions(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    auto next = [](std::string_view& rest) {
      auto const dot = rest.find('.');
      auto part = rest.substr(0, dot);
      rest = dot == std::string_view::npos ? std::string_view{} : rest.substr(dot + 1);
      while (part.size() > 1 && part.front() == '0') part.remove_prefix(1);
      return part == "0" ? std::string_view{} : part;
    };
    auto const left = next(a), right = next(b);
    if (left.size() != right.size()) return left.size() < right.size() ? -1 : 1;
    if (auto const order = left.compare(right); order != 0) return order;
  }
  return 0;
}

std::string Library::stamp(std::filesystem::path const& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  return fmt::format("{}:{}:{}:{}.{:09}", status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec);
}

Result<void> Library::check_directory(std::filesystem::path const& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    return Error{Code::not_found, fmt::format("there is no plugin folder {}", directory.string())};
  return check_owner(status, "the plugin folder " + directory.string());
}

Result<std::shared_ptr<Library const>> Library::open(std::filesystem::path const& directory, std::string const& file,
                                                     std::filesystem::path const& copies) {
  if (file.find('/') != std::string::npos || !file.ends_with(".so") || file.starts_with('.'))
    return Error{Code::invalid_argument,
                 "a plugin file is named by its bare name in the plugin folder, such as libpatchbay_echo.so"};
  if (auto checked = check_directory(directory); !checked) return checked.error();
  auto const path = directory / file;
  Descriptor source{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  if (source.get() < 0) {
    if (errno == ELOOP)
      return Error{Code::forbidden, fmt::format("{} is a link: put the file itself into the plugin folder", file)};
    if (errno == ENOENT)
      return Error{Code::not_found,
                   fmt::format("there is no file {} in the plugin folder {}", file, directory.string())};
    return Error{Code::forbidden, fmt::format("{} cannot be read: {}", file, std::strerror(errno))};
  }
  // What was checked is what gets mapped: all goes by the descriptor.
  struct stat status {};
  if (::fstat(source.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return Error{Code::forbidden, file + " is not a regular file"};
  if (auto checked = check_owner(status, file); !checked) return checked.error();

  auto stamp_before = stamp(path);  // a write during the copy makes another one
  static std::atomic<unsigned> number{0};
  auto const copy = copies / fmt::format("{}-{}", ++number, file);
  std::error_code failure;
  if (auto copied = copy_to(source.get(), copy); !copied) {
    std::filesystem::remove(copy, failure);
    auto error = copied.error();
    if (error.code == Code::unsupported)
      error.message = fmt::format("{} is no library that can be loaded: {}", file, error.message);
    return error;
  }

  namespace dll = boost::dll;
  auto mapped = std::make_unique<dll::shared_library>();
  mapped->load(copy, failure, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
  if (failure) {
    std::filesystem::remove(copy, failure);
    auto const* reason = ::dlerror();
    auto text = reason != nullptr ? std::string{reason} : std::string{"the dynamic loader refused it"};
    return Error{Code::unsupported, fmt::format("{} is no library that can be loaded: {}", file, text)};
  }
  auto const& loaded = *keep(std::move(mapped));
  if (!loaded.has("pb_plugin_v1"))
    return Error{Code::unsupported,
                 fmt::format("{} does not export pb_plugin_v1: it is no plugin, or its export list is wrong", file)};
  auto library = std::shared_ptr<Library>(new Library{});
  library->file_ = file;
  library->stamp_ = std::move(stamp_before);
  library->record_ = &loaded.get<pb_plugin const>("pb_plugin_v1");
  if (auto read = library->read_record(); !read) {
    auto error = read.error();
    error.message = file + ": " + error.message;
    return error;
  }
  return std::shared_ptr<Library const>{std::move(library)};
}

Result<void> Library::read_record() {
  auto const& raw = *record_;
  // The version comes first: the size of another one says nothing.
  if (raw.size < offsetof(pb_plugin, abi_minor) + sizeof raw.abi_minor || raw.abi_major != PB_ABI_MAJOR)
    return Error{
        Code::unsupported,
        fmt::format("it was built for version {} of the plugin contract, this gateway has version {}: build it "
                    "again",
                    raw.abi_major, PB_ABI_MAJOR)};
  if (raw.size < offsetof(pb_plugin, destroy) + sizeof raw.destroy)
    return Error{Code::unsupported, fmt::format("its record has {} bytes, at least {} are needed", raw.size,
                                                offsetof(pb_plugin, destroy) + sizeof raw.destroy)};
  id_ = text_or(raw.id);
  name_ = text_or(raw.name);
  interface_ = text_or(raw.interface);
  prefix_ = text_or(raw.prefix);
  version_ = text_or(raw.version);
  auto wrong = [](std::string_view what, std::string_view value, std::string_view right) {
    return Error{Code::invalid_argument, fmt::format("its {} \"{}\" must be {}", what, value, right)};
  };
  if (!is_word(name_)) return wrong("name", name_, "lower-case words, such as home_assistant");
  if (!is_interface(interface_)) return wrong("interface", interface_, "capitals, such as HOME_ASSISTANT");
  if (!is_prefix(prefix_)) return wrong("prefix", prefix_, "one lower-case word, such as ha");
  if (!is_version(version_)) return wrong("version", version_, "numbers with dots, such as 1.0.0");
  if (raw.create == nullptr || raw.invoke == nullptr || raw.cancel == nullptr || raw.resume == nullptr ||
      raw.destroy == nullptr)
    return Error{Code::invalid_argument, "one of create, invoke, cancel, resume and destroy is NULL"};
  if (raw.operation_count == 0 || raw.operations == nullptr)
    return Error{Code::invalid_argument, "it has no operations"};
  if (raw.operation_count > 1000)
    return Error{Code::invalid_argument,
                 fmt::format("it has {} operations, at most 1000 are taken", raw.operation_count)};
  if (raw.operation_size < offsetof(pb_operation, result_schema) + sizeof(char const*))
    return Error{Code::unsupported,
                 fmt::format("its operation records have {} bytes, at least {} are needed", raw.operation_size,
                             offsetof(pb_operation, result_schema) + sizeof(char const*))};
  for (std::uint32_t i = 0; i < raw.operation_count; ++i) {
    // What an older plugin does not have stays zero.
    pb_operation one{};
    std::memcpy(&one, reinterpret_cast<char const*>(raw.operations) + std::size_t{i} * raw.operation_size,
                std::min<std::size_t>(sizeof one, raw.operation_size));
    if (auto read = read_operation(one); !read) return read.error();
  }
  return {};
}

Result<void> Library::read_operation(pb_operation const& raw) {
  auto const verb = text_or(raw.name);
  if (!is_word(verb))
    return Error{Code::invalid_argument, fmt::format("the operation name \"{}\" must be lower-case words", verb)};
  auto taken = [this](std::string_view word) {
    auto const tool = OperationTable::tool_name(prefix_, word);
    return std::any_of(operations_.begin(), operations_.end(), [&](LibraryOperation const& other) {
      auto const& aliases = other.info.aliases;
      return other.info.tool == tool || std::find(aliases.begin(), aliases.end(), tool) != aliases.end();
    });
  };
  if (taken(verb)) return Error{Code::invalid_argument, fmt::format("the operation {} is declared twice", verb)};
  if (raw.effect > PB_DESTRUCTIVE)
    return Error{Code::invalid_argument,
                 fmt::format("the operation {} has the effect {}, which is none", verb, raw.effect)};
  if (text_or(raw.summary).empty())
    return Error{Code::invalid_argument, fmt::format("the operation {} has no summary", verb)};
  LibraryOperation out;
  auto& info = out.info;
  info.name = interface_ + "." + std::string{verb};
  info.interface = interface_;
  info.verb = verb;
  info.tool = OperationTable::tool_name(prefix_, verb);
  for (auto rest = text_or(raw.aliases); !rest.empty();) {
    auto const alias = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(alias.size() + 1, rest.size()));
    if (!is_word(alias))
      return Error{Code::invalid_argument,
                   fmt::format("the operation {}: the alias \"{}\" must be lower-case words", verb, alias)};
    auto tool = OperationTable::tool_name(prefix_, alias);
    if (taken(alias) || tool == info.tool ||
        std::find(info.aliases.begin(), info.aliases.end(), tool) != info.aliases.end())
      return Error{Code::invalid_argument,
                   fmt::format("the operation {}: the alias {} is declared twice", verb, alias)};
    info.aliases.push_back(std::move(tool));
  }
  info.summary = raw.summary;
  info.category = text_or(raw.category, interface_);
  info.scope = text_or(raw.scope, "admin");
  info.owner = name_;
  info.effect = static_cast<Effect>(raw.effect);
  info.audited = (info.effect != Effect::read || (raw.flags & PB_AUDITED) != 0) && (raw.flags & PB_UNAUDITED) == 0;
  info.idempotent = (raw.flags & PB_IDEMPOTENT) != 0;
  info.streaming = (raw.flags & PB_STREAMING) != 0;
  info.reaches_out = (raw.flags & PB_REACHES_OUT) != 0;
  info.timeout_from_args = (raw.flags & PB_TIMEOUT_FROM_ARGS) != 0;
  info.timeout = std::chrono::milliseconds{raw.timeout_ms == 0 ? 10'000 : raw.timeout_ms};
  info.errors.bits = static_cast<std::uint32_t>(raw.errors) & ((1U << code_count) - 2U);
  out.is_inline = (raw.flags & PB_INLINE) != 0;
  if (out.is_inline && info.streaming)
    return Error{Code::invalid_argument, fmt::format("the operation {} cannot be inline and streaming", verb)};
  auto compile = [&](char const* text, char const* what, Schema& into) -> Result<void> {
    auto schema = Schema::compile(text_or(text, R"({"type":"object","properties":{}})"));
    if (!schema)
      return Error{Code::invalid_argument, fmt::format("the operation {}, {} schema at \"{}\": {}", verb, what,
                                                       schema.error().pointer, schema.error().message)};
    into = std::move(*schema);
    return {};
  };
  if (auto done = compile(raw.args_schema, "argument", info.args); !done) return done.error();
  if (auto done = compile(raw.result_schema, "result", info.result); !done) return done.error();
  if (!info.args.has_type("object"))
    return Error{Code::invalid_argument, fmt::format("the operation {}: arguments must be an object", verb)};
  if (auto example = text_or(raw.examples); !example.empty()) {
    auto parsed = json::parse(example);
    auto problem = parsed ? info.args.problem(parsed->document) : std::optional<Error>{parsed.error()};
    if (problem)
      return Error{Code::invalid_argument,
                   fmt::format("the operation {}: its example does not fit its schema: {}", verb, problem->message)};
    info.example = example;
  }
  operations_.push_back(std::move(out));
  return {};
}

}  // namespace patchbay::plugin_host
