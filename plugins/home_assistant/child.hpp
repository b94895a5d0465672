// Child: one program run beside the gateway, fenced in and bounded, for code that came from outside.
//
//   ChildCommand command{.program = "/usr/bin/python3", .arguments = {"-I", "main.py"}, .folder = folder};
//   auto running = run_child(executor, call, std::move(command), limits);
//   Result<ChildOutcome> outcome = co_await std::move(running);
//
// It gets an emptied environment, its own folder as working folder, home and place for temporary files, no descriptor
// but /dev/null for reading and two files in the folder for what it prints, and limits on CPU time, memory, processes,
// file size, descriptors and wall time. It and all it starts end together: they are in a PID namespace and a process
// group of their own, killed when the time is up, the call is cancelled or the gateway goes. Where the kernel has
// Landlock it reads system folders and writes its own folder only, and a gateway that runs as root gives it nobody's
// rights. What of this is in force is told by the outcome: a kernel may lack namespaces or Landlock.
//
// On the plugin's thread, which waits for nothing: the end is awaited through a pidfd. Between fork and exec the child
// makes system calls only. Errors: unavailable (no such program), internal, deadline_exceeded, cancelled.
#pragma once

#include <filesystem>
#include <map>

#include "plugins/sdk/patchbay_plugin.hpp"

namespace patchbay::home_assistant {

namespace sdk = patchbay::sdk;

struct ChildCommand {
  std::string program;  // absolute
  std::vector<std::string> arguments;
  std::filesystem::path folder;  // its own; what it prints goes to .stdout and .stderr there
  std::map<std::string, std::string> environment;
};
struct ChildLimits {
  std::chrono::milliseconds wall{10'000};
  std::uint64_t cpu_seconds = 10;
  std::uint64_t memory_bytes = std::uint64_t{1} << 30;
  std::uint64_t file_bytes = std::uint64_t{16} << 20;
  std::uint64_t processes = 32;
  std::uint64_t descriptors = 64;
};
struct ChildOutcome {
  int exit_code = 0;  // 128 + the signal that ended it
  bool timed_out = false;
  std::chrono::milliseconds duration{};
  std::vector<std::string> fences;  // landlock, pid_namespace, other_user
};

sdk::Task<Result<ChildOutcome>> run_child(sdk::Executor executor, sdk::Call& call, ChildCommand command,
                                          ChildLimits limits);

}  // namespace patchbay::home_assistant
