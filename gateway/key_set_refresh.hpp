// KeySetRefresh: keeps the keys that JSON Web Tokens are checked with fresh. SECURITY knows no network; the gateway
// fetches the set of security.jwt.jwks_url through HTTP_CLIENT as itself, reads the one of jwks_file, and hands both
// down.
//
//   KeySetRefresh keys{runtime, caller, log, security};
//   keys.follow({.url = "https://issuer.example/jwks.json"});     // any thread; again whenever the settings change
//   security.on_unknown_key([&] { keys.wanted(); });              // any thread
//   keys.again();                                                 // any thread: both now, as an operator's SIGHUP asks
//
// Fetched at once, then every `interval`; sooner when a token names a key that nobody knows, but then not within
// `least` of the last time, whatever strangers send. A fetch that fails is repeated after `retry`, doubled up to
// `interval`; until one succeeds the keys known so far stay. One root task on the home shard, none before follow() had
// something to follow; must outlive the Runtime's threads.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/base/caller.hpp"
#include "core/base/sinks.hpp"
#include "core/runtime/runtime.hpp"
#include "core/runtime/waiter.hpp"
#include "core/security/security.hpp"

namespace patchbay {

struct KeySetSources {
  std::string url{}, file{};
  bool empty() const { return url.empty() && file.empty(); }
  friend bool operator==(KeySetSources const&, KeySetSources const&) = default;
};

// What stands in a file of keys. Errors: not_found, too_large. Blocks for the time of a small read.
Result<std::string> read_key_set_file(std::filesystem::path const& file);

class KeySetRefresh {
 public:
  struct Times {
    std::chrono::milliseconds interval{std::chrono::minutes{10}};
    std::chrono::milliseconds least{std::chrono::seconds{30}};
    std::chrono::milliseconds retry{std::chrono::seconds{1}};
    std::chrono::milliseconds fetch{std::chrono::seconds{10}};
  };
  KeySetRefresh(Runtime& runtime, Caller& caller, LogSink& log, security::Security& security)
      : KeySetRefresh(runtime, caller, log, security, Times{}) {}
  KeySetRefresh(Runtime& runtime, Caller& caller, LogSink& log, security::Security& security, Times times)
      : runtime_(runtime), caller_(caller), log_(log), security_(security), times_(times) {}
  KeySetRefresh(KeySetRefresh const&) = delete;
  KeySetRefresh& operator=(KeySetRefresh const&) = delete;

  void follow(KeySetSources sources);
  void wanted();
  void again();

 private:
  Task<void> live();
  Task<bool> refresh(KeySetSources sources);  // false: something failed
  Task<Result<std::string>> fetch(std::string url);
  bool take(Result<void> taken, std::string const& from);

  Runtime& runtime_;
  Caller& caller_;
  LogSink& log_;
  security::Security& security_;
  Times const times_;
  // The home shard's:
  KeySetSources sources_;
  bool running_ = false, changed_ = false, wanted_ = false;
  Waiter waiter_;
};

}  // namespace patchbay
