// Client: how a command reaches operations: over HTTP to a running gateway, or in process.
//
//   auto client = cli::connect(target);                    // or cli::local(options)
//   Result<Answer> answer = client->call("system_health", "{}");
//
// One thread; blocking.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/reply.hpp"
#include "gateway/gateway.hpp"

namespace patchbay::cli {

class Client {
 public:
  virtual ~Client() = default;
  virtual Result<Answer> call(std::string const& tool, std::string const& args) = 0;
  // The function gets each event; false ends the stream.
  virtual Result<Answer> stream(std::string const& tool, std::string const& args,
                                std::function<bool(std::string_view event, std::string_view json)> on_event) = 0;
};

struct Target {
  std::string url;    // http://host:port or https://; further authorities to trust: $PATCHBAY_CA
  std::string token;  // may be empty
  std::chrono::milliseconds timeout{60'000};
};

// The gateway to talk to: --url, $PATCHBAY_URL, or the default; the token from $PATCHBAY_TOKEN or the run's token file.
Result<Target> find_target(std::string url);
std::unique_ptr<Client> connect(Target target);
Result<std::unique_ptr<Client>> local(GatewayOptions options);

}  // namespace patchbay::cli
