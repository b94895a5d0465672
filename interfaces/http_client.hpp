// The router of HTTP_CLIENT: binds its operations to the module. Owned by the Gateway.
#pragma once

#include "core/base/interface.hpp"

namespace patchbay {
namespace http_client {
class HttpClient;
}

class HttpClientInterface final : public Interface {
 public:
  explicit HttpClientInterface(http_client::HttpClient& client) : client_(client) {}
  std::string_view name() const override { return "HTTP_CLIENT"; }
  void declare(OperationTable& table) override;

 private:
  http_client::HttpClient& client_;
};

}  // namespace patchbay
