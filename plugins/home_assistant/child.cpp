#include "plugins/home_assistant/child.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <spdlog/fmt/fmt.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstring>

#include "plugins/home_assistant/folder.hpp"

namespace patchbay::home_assistant {
namespace {

constexpr unsigned nobody = 65'534;

// ---- prepared by the parent ----

// Landlock's rules as a descriptor; none where the kernel has no Landlock.
class Fence {
 public:
  explicit Fence(std::filesystem::path const& own) {
    landlock_ruleset_attr rules{};
    rules.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1U) - 1;  // all of the first version
    rules_ = Descriptor{static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0))};
    if (!rules_) return;
    constexpr std::uint64_t read =
        LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    for (auto const* path : {"/usr", "/lib", "/lib64", "/bin", "/etc/alternatives", "/etc/fonts", "/etc/ssl"})
      allow(path, read);
    // Not /proc/self: here it is the gateway, with its environment.
    for (auto const* path :
         {"/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types", "/etc/passwd", "/etc/hosts", "/etc/resolv.conf",
          "/etc/nsswitch.conf", "/proc/cpuinfo", "/proc/meminfo", "/dev/urandom", "/dev/random", "/dev/zero"})
      allow(path, read);
    allow("/dev/null", read | LANDLOCK_ACCESS_FS_WRITE_FILE);
    allow(own.c_str(), rules.handled_access_fs);
  }
  int get() const { return rules_.get(); }

 private:
  void allow(char const* path, std::uint64_t access) {
    Descriptor const place{::open(path, O_PATH | O_CLOEXEC)};
    if (!place) return;
    struct stat found {};
    if (::fstat(place.get(), &found) != 0) return;
    constexpr std::uint64_t of_files =
        LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
    landlock_path_beneath_attr rule{};
    rule.allowed_access = S_ISDIR(found.st_mode) ? access : access & of_files;
    rule.parent_fd = place.get();
    ::syscall(SYS_landlock_add_rule, rules_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  }
  Descriptor rules_;
};

// Threads that this user has already, since the kernel's limit counts them too.
std::uint64_t threads_of_user() {
  std::uint64_t count = 0;
  auto* all = ::opendir("/proc");
  if (all == nullptr) return 0;
  while (auto const* entry = ::readdir(all)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    struct stat found {};
    auto const tasks = fmt::format("/proc/{}/task", entry->d_name);
    if (::stat(tasks.c_str(), &found) == 0 && found.st_uid == ::getuid()) count += found.st_nlink - 2;
  }
  ::closedir(all);
  return count;
}

// All that the child needs, made before the fork: it may not allocate.
struct Prepared {
  std::vector<char*> arguments, environment;
  char const* program = nullptr;
  char const* folder = nullptr;
  int input = -1, output = -1, errors = -1, fence = -1, report = -1;
  bool drop = false;
  std::array<std::pair<int, rlimit>, 7> limits{};
};

// ---- in the child: system calls only ----

[[noreturn]] void give_up(Prepared const& what, char step) {
  char const word[2] = {'!', step};
  static_cast<void>(!::write(what.report, word, 2));
  ::_exit(127);
}
void tell(Prepared const& what, char fence) { static_cast<void>(!::write(what.report, &fence, 1)); }

[[noreturn]] void become(Prepared const& what) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::dup2(what.input, 0) < 0 || ::dup2(what.output, 1) < 0 || ::dup2(what.errors, 2) < 0) give_up(what, 'd');
  if (::chdir(what.folder) != 0) give_up(what, 'c');
  if (what.drop) {
    if (::syscall(SYS_setgroups, 0, nullptr) != 0 || ::syscall(SYS_setresgid, nobody, nobody, nobody) != 0 ||
        ::syscall(SYS_setresuid, nobody, nobody, nobody) != 0)
      give_up(what, 'u');
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // forgotten by the change of user
    tell(what, 'u');
  }
  for (auto const& [which, limit] : what.limits)
    if (::syscall(SYS_prlimit64, 0, which, &limit, nullptr) != 0) give_up(what, 'l');
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up(what, 'n');
  if (what.fence >= 0 && ::syscall(SYS_landlock_restrict_self, what.fence, 0) == 0) tell(what, 'f');
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execve(what.program, what.arguments.data(), what.environment.data());
  give_up(what, 'x');
}

// The first process of the group: it makes the namespace, waits for the program in it and leaves as that did.
[[noreturn]] void lead(Prepared const& what) {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  bool const apart = ::unshare(CLONE_NEWPID) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0;
  if (apart) tell(what, 'p');
  auto const child = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) become(what);
  if (child < 0) give_up(what, 'k');
  ::close(what.report);
  int status = 0;
  while (::syscall(SYS_wait4, child, &status, 0, nullptr) < 0 && errno == EINTR) {
  }
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

// ---- the parent again ----

// A group of processes that ends with this, whatever happens.
class Group {
 public:
  explicit Group(pid_t leader) : leader_(leader) {}
  Group(Group const&) = delete;
  Group& operator=(Group const&) = delete;
  ~Group() {
    if (reaped_) return;
    kill();
    int status = 0;
    while (::waitpid(leader_, &status, 0) < 0 && errno == EINTR) {  // at once: SIGKILL has been sent
    }
  }
  void kill() const {
    ::kill(-leader_, SIGKILL);
    ::kill(leader_, SIGKILL);  // before it has become a group's leader
  }
  // After the pidfd was readable.
  int reap() {
    int status = 0;
    while (::waitpid(leader_, &status, 0) < 0 && errno == EINTR) {
    }
    ::kill(-leader_, SIGKILL);  // who outlived it without a namespace
    reaped_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t leader_;
  bool reaped_ = false;
};

std::string explained_step(char step) {
  switch (step) {
    case 'x': return "the program cannot be executed";
    case 'u': return "its user cannot be changed";
    case 'l': return "its limits cannot be set";
    case 'c': return "its folder cannot be entered";
    default: return fmt::format("step {}", step);
  }
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

sdk::Task<Result<ChildOutcome>> run_child(sdk::Executor executor, sdk::Call& call, ChildCommand command,
                                          ChildLimits limits) {
  auto failed = [](std::string_view doing) {
    return Error{Code::internal, fmt::format("cannot {}: {}", doing, std::strerror(errno))};
  };
  if (::access(command.program.c_str(), X_OK) != 0)
    co_return Error{Code::unavailable, fmt::format("there is no {} here", command.program)};
  Prepared what;
  what.drop = ::geteuid() == 0;
  auto const folder = command.folder.string();
  if (what.drop && ::chown(folder.c_str(), nobody, nobody) != 0) co_return failed("give the folder away");
  auto opened = [&](std::string const& path, int flags) {
    return Descriptor{::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)};
  };
  Descriptor const input = opened("/dev/null", O_RDONLY);
  Descriptor const output = opened(folder + "/.stdout", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
  Descriptor const errors = opened(folder + "/.stderr", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
  std::array<int, 2> ends{};
  if (!input || !output || !errors || ::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    co_return failed("prepare a child process");
  Descriptor const told{ends[0]};
  Descriptor report{ends[1]};
  Fence const fence{command.folder};
  std::vector<std::string> environment;
  for (auto const& [name, value] : command.environment) environment.push_back(name + "=" + value);
  std::vector<std::string> arguments{command.program};
  arguments.insert(arguments.end(), command.arguments.begin(), command.arguments.end());
  what.arguments = pointers(arguments);
  what.environment = pointers(environment);
  what.program = command.program.c_str();
  what.folder = folder.c_str();
  what.input = input.get();
  what.output = output.get();
  what.errors = errors.get();
  what.fence = fence.get();
  what.report = report.get();
  auto both = [](std::uint64_t value) { return rlimit{value, value}; };
  auto const processes = limits.processes + (what.drop ? 0 : threads_of_user());
  what.limits = {{{RLIMIT_CPU, both(limits.cpu_seconds)},
                  {RLIMIT_AS, both(limits.memory_bytes)},
                  {RLIMIT_FSIZE, both(limits.file_bytes)},
                  {RLIMIT_NPROC, both(processes)},
                  {RLIMIT_NOFILE, both(limits.descriptors)},
                  {RLIMIT_CORE, both(0)},
                  {RLIMIT_STACK, both(std::uint64_t{8} << 20)}}};

  auto const begun = std::chrono::steady_clock::now();
  auto const leader = ::fork();
  if (leader == 0) lead(what);
  if (leader < 0) co_return failed("start a child process");
  Group group{leader};
  report = Descriptor{};
  int const watch = static_cast<int>(::syscall(SYS_pidfd_open, leader, 0));
  if (watch < 0) co_return failed("watch a child process");
  boost::asio::posix::basic_stream_descriptor<sdk::Executor> ended{executor, watch};
  sdk::SteadyTimer timer{executor};
  ChildOutcome out;
  struct Clock {
    bool over = false, rang = false;
  };
  auto const clock = std::make_shared<Clock>();  // the timer's handler may come after this has ended
  timer.expires_after(std::min(limits.wall, call.time_left()));
  timer.async_wait([clock, leader](boost::system::error_code error) {
    if (error || clock->over) return;
    clock->rang = true;
    ::kill(-leader, SIGKILL);
  });
  struct Stop {
    Clock& clock;
    ~Stop() { clock.over = true; }
  } const stop{*clock};
  auto const [error] = co_await ended.async_wait(boost::asio::posix::descriptor_base::wait_read, sdk::use_task_tuple);
  if (error) co_return Error{Code::cancelled, "the call was cancelled"};
  out.exit_code = group.reap();
  out.timed_out = clock->rang;
  out.duration = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
  std::array<char, 16> words{};
  auto const size = ::read(told.get(), words.data(), words.size());
  for (ssize_t i = 0; i < size; ++i) {
    auto const word = words[static_cast<std::size_t>(i)];
    if (word == '!')
      co_return Error{Code::internal, "the child process could not start: " +
                                          explained_step(i + 1 < size ? words[static_cast<std::size_t>(i) + 1] : '?')};
    out.fences.emplace_back(word == 'p' ? "pid_namespace" : word == 'f' ? "landlock" : "other_user");
  }
  co_return out;
}

}  // namespace patchbay::home_assistant
