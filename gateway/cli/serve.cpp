#include "gateway/cli/serve.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

#include "gateway/cli/heap.hpp"
#include "gateway/cli/output.hpp"
#include "gateway/gateway.hpp"

namespace patchbay::cli {
namespace {

// Each connection is a descriptor: the soft limit is a default for programs that use select().
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

}  // namespace

int serve(ServeOptions const& options) {
  // Signals are taken by this thread alone: blocked before any other thread starts, which inherit the mask.
  sigset_t signals;
  sigemptyset(&signals);
  for (int one : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, one);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  Heap heap;

  GatewayOptions wanted;
  wanted.config_file = options.config;
  wanted.listen = true;
  wanted.addresses = options.listen;
  wanted.plugin_directory = options.plugin_directory;
  wanted.insecure = options.insecure;
  wanted.on_shutdown = [process = ::getpid()] { ::kill(process, SIGTERM); };
  Gateway gateway{std::move(wanted)};
  auto started = gateway.start();
  if (!started) return print_error(started.error());
  for (auto const& url : gateway.urls()) std::printf("listening on %s\n", url.c_str());
  std::fflush(stdout);

  timespec const pause{.tv_sec = 2, .tv_nsec = 0};
  for (;;) {
    auto const signal = ::sigtimedwait(&signals, nullptr, &pause);
    if (signal < 0) {  // nothing came
      heap.give_back();
      continue;
    }
    if (signal != SIGHUP) break;
    auto changed = gateway.reload();
    if (!changed)
      gateway.log().write(LogLevel::error, "gateway", "the configuration was not reloaded",
                          {{"reason", changed.error().message}});
  }
  gateway.stop();
  return 0;
}

}  // namespace patchbay::cli
