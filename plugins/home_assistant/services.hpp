// ServiceBook: which services Home Assistant has, and which of them answer with data. Read when first needed and again
// when a service is not in it or the connection is another. On the plugin's thread.
#pragma once

#include <map>

#include "plugins/home_assistant/session.hpp"

namespace patchbay::home_assistant {

enum class Responds : std::uint8_t { never, optionally, always };

class ServiceBook {
 public:
  explicit ServiceBook(Session& session) : session_(session) {}

  // Errors: not_found with the nearest services.
  sdk::Task<Result<Responds>> find(sdk::Call& call, std::string domain, std::string service);
  void forget() { services_.clear(); }

 private:
  Session& session_;
  std::map<std::string, Responds, std::less<>> services_;  // "light.turn_on"
  std::uint64_t generation_ = 0;
};

// Services that only an administrator of the gateway may call: they stop or restart the system under everybody.
bool is_denied_service(std::string_view domain, std::string_view service);

}  // namespace patchbay::home_assistant
