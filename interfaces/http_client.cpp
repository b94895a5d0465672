#include "interfaces/http_client.hpp"

#include "core/http_client/http_client.hpp"

namespace patchbay {

void HttpClientInterface::declare(OperationTable& table) {
  using namespace http_client;
  table.add(http_client::request,
            [this](Call& call, RequestArgs args) { return client_.request(call, std::move(args)); });
  table.add(get, [this](Call& call, CallArgs args) { return client_.send(call, "GET", std::move(args)); });
  table.add(post, [this](Call& call, CallArgs args) { return client_.send(call, "POST", std::move(args)); });
  table.add(put, [this](Call& call, CallArgs args) { return client_.send(call, "PUT", std::move(args)); });
  table.add(delete_, [this](Call& call, CallArgs args) { return client_.send(call, "DELETE", std::move(args)); });
  table.add(http_client::stats, [this](Call&, Nothing) { return client_.stats(); });
}

}  // namespace patchbay
