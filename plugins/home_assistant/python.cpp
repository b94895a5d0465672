// Category code_execution: Python in a child process of its own, only where the configuration allows it.
#include <spdlog/fmt/fmt.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/home_assistant/child.hpp"
#include "plugins/home_assistant/encoding.hpp"
#include "plugins/home_assistant/plugin.hpp"
#include "plugins/sdk/utf8.hpp"

namespace patchbay::home_assistant {

struct PythonArgs {
  std::string code;
  bool return_stdout = true, return_plots = true;
  std::int64_t timeout_s = 10;
};
struct PythonPlot {
  std::string name, format = "png", image;
  std::uint64_t size = 0;
};
struct PythonResult {
  std::optional<std::string> output, errors;
  std::vector<PythonPlot> plots;
  std::int64_t exit_code = 0;
  bool timed_out = false, truncated = false;
  std::uint64_t duration_ms = 0;
  std::vector<std::string> fences;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::PythonArgs> {
  using A = ha::PythonArgs;
  static constexpr std::tuple fields{
      field("code", &A::code, "Python source").length(1, 262'144),
      field("return_stdout", &A::return_stdout, "Return printed text").nullable(),
      field("return_plots", &A::return_plots, "Return open matplotlib figures, and .png and .svg files it wrote")
          .nullable(),
      field("timeout_s", &A::timeout_s, "Seconds it may take, waiting included").nullable().range(1, 60)};
};
template <>
struct Describe<ha::PythonPlot> {
  using R = ha::PythonPlot;
  static constexpr std::tuple fields{field("name", &R::name, "File name"), field("format", &R::format, "png or svg"),
                                     field("image", &R::image, "The file as base64"),
                                     field("size", &R::size, "Its bytes")};
};
template <>
struct Describe<ha::PythonResult> {
  using R = ha::PythonResult;
  static constexpr std::tuple fields{
      field("stdout", &R::output, "What it printed"),
      field("stderr", &R::errors, "What it said of errors"),
      field("plots", &R::plots, "Pictures"),
      field("exit_code", &R::exit_code, "0: well; 1: an exception; 128 and more: ended by a signal"),
      field("timed_out", &R::timed_out, "Whether its time was up"),
      field("truncated", &R::truncated, "Whether it printed, or drew, more than is here"),
      field("duration_ms", &R::duration_ms, "How long it ran"),
      field("fences", &R::fences, "What kept it in: landlock (files), pid_namespace (processes), other_user")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr sdk::Operation<PythonArgs, PythonResult> python_op{
    .name = "execute_python",
    .summary = "Run Python in a bounded child process; return what it printed and drew.",
    .effect = Effect::destructive,
    .scope = "ha.code",
    .category = "code_execution",
    .timeout = std::chrono::seconds{75},
    .errors = codes(Code::invalid_argument, Code::forbidden, Code::unavailable, Code::internal, Code::cancelled,
                    Code::deadline_exceeded),
    .example = R"json({"code":"print(6 * 7)"})json"};

constexpr std::size_t most_printed = 262'144;
constexpr std::size_t most_plots = 20;
constexpr std::uint64_t most_plot_bytes = std::uint64_t{4} << 20;

// Runs the code as a script would be, and stores the figures that are left open.
constexpr std::string_view driver = R"py(import runpy, sys
try:
    runpy.run_path("main.py", run_name="__main__")
finally:
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot:
        for number in pyplot.get_fignums():
            pyplot.figure(number).savefig(f"figure_{number}.png")
)py";

// A folder that goes with its owner.
class OwnFolder {
 public:
  static Result<OwnFolder> make() {
    auto path = (std::filesystem::temp_directory_path() / "patchbay-code-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr)
      return Error{Code::internal,
                   fmt::format("cannot make a folder in {}", std::filesystem::temp_directory_path().string())};
    return OwnFolder{path};
  }
  OwnFolder(OwnFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  OwnFolder& operator=(OwnFolder&&) = delete;
  ~OwnFolder() {
    std::error_code failed;
    if (!path_.empty()) std::filesystem::remove_all(path_, failed);
  }
  std::filesystem::path const& path() const { return path_; }

 private:
  explicit OwnFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

std::string python_program() {
  for (auto const* path : {"/usr/bin/python3", "/usr/local/bin/python3"})
    if (::access(path, X_OK) == 0) return path;
  return "/usr/bin/python3";  // whose absence is then reported
}

// What was printed, cut to what is returned; bytes that are no UTF-8 as "?".
std::string printed(Folder const& folder, std::string_view name, bool& cut) {
  auto content = folder.read(name, std::uint64_t{16} << 20, "");
  if (!content) return {};
  auto text = std::move(content->bytes);
  if (text.size() > most_printed) {
    cut = true;
    text.resize(most_printed);
    while (!text.empty() && !is_utf8(text) && text.size() > most_printed - 4) text.pop_back();
  }
  if (!is_utf8(text))
    for (char& c : text)
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  return text;
}

void collect_plots(Folder const& folder, PythonResult& out) {
  auto entries = folder.list("", "");
  if (!entries) return;
  std::uint64_t bytes = 0;
  for (auto const& entry : *entries) {
    bool const png = entry.name.ends_with(".png"), svg = entry.name.ends_with(".svg");
    if (entry.kind != FileKind::file || (!png && !svg)) continue;
    auto content = folder.read(entry.name, most_plot_bytes, "");
    if (!content || out.plots.size() == most_plots || bytes + content->bytes.size() > 2 * most_plot_bytes) {
      out.truncated = true;
      continue;
    }
    bytes += content->bytes.size();
    if (!is_utf8(entry.name)) continue;
    out.plots.push_back({entry.name, png ? "png" : "svg", base64_of(content->bytes), content->bytes.size()});
  }
}

Tool<PythonResult> execute_python(HomeAssistant& self, sdk::Call& call, PythonArgs args) {
  if (!self.settings().allow_code)
    co_return Error{Code::forbidden,
                    "code does not run here: plugins.home_assistant.allow_code is false. Set it to true to let callers "
                    "with the scope ha.code run Python in a bounded child process"};
  // The token in the gateway's environment and memory is nobody else's to read, not even the same user's.
  ::prctl(PR_SET_DUMPABLE, 0);
  auto waiting = self.code_turns().enter(call, "running code");
  Result<Turns::Turn> turn = co_await std::move(waiting);
  if (!turn) co_return turn.error();
  auto own = OwnFolder::make();
  if (!own) co_return own.error();
  auto folder = Folder::open(own->path().string(), {.secrets = true});
  if (!folder) co_return folder.error();
  for (auto const& [name, text] : {std::pair<std::string_view, std::string_view>{"main.py", args.code},
                                   std::pair<std::string_view, std::string_view>{".driver.py", driver}})
    if (auto written = folder->write(name, text, {}, "/code"); !written) co_return written.error();
  auto const path = own->path().string();
  ChildCommand command{python_program(), {"-I", "-B", ".driver.py"}, own->path(), {}};
  command.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                         {"HOME", path},
                         {"TMPDIR", path},
                         {"LANG", "C.UTF-8"},
                         {"MPLBACKEND", "Agg"},
                         {"MPLCONFIGDIR", path},
                         {"OPENBLAS_NUM_THREADS", "1"},
                         {"OMP_NUM_THREADS", "1"}};
  ChildLimits limits;
  limits.wall = std::chrono::seconds{args.timeout_s};
  limits.cpu_seconds = static_cast<std::uint64_t>(args.timeout_s);
  auto running = run_child(self.host().executor(), call, std::move(command), limits);
  Result<ChildOutcome> outcome = co_await std::move(running);
  if (!outcome) co_return outcome.error();
  sdk::Answer<PythonResult> out;
  out.data.exit_code = outcome->exit_code;
  out.data.timed_out = outcome->timed_out;
  out.data.duration_ms = static_cast<std::uint64_t>(outcome->duration.count());
  out.data.fences = std::move(outcome->fences);
  if (args.return_stdout) out.data.output = printed(*folder, ".stdout", out.data.truncated);
  out.data.errors = printed(*folder, ".stderr", out.data.truncated);
  if (args.return_plots) collect_plots(*folder, out.data);
  out.message = out.data.timed_out        ? fmt::format("Ended after {} s: its time was up", args.timeout_s)
                : out.data.exit_code == 0 ? std::string{"Ran to its end"}
                                          : fmt::format("Ended with exit code {}", out.data.exit_code);
  co_return out;
}

}  // namespace

void declare_python(sdk::Table<HomeAssistant>& table) { add_tool<python_op, &execute_python>(table); }

}  // namespace patchbay::home_assistant
