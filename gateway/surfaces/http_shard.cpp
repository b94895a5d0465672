#include "gateway/surfaces/http_shard.hpp"

namespace patchbay::http {

void HttpCounters::answered(Method method, std::uint16_t status) {
  auto const key = (static_cast<std::uint32_t>(method) << 16) | status;
  for (auto& known : known_)
    if (known.key == key) return known.counter.add();
  known_.push_back(
      {key, counters_.counter("patchbay_http_requests_total", "Requests by method and status",
                              {{"method", std::string{name_of(method)}}, {"code", std::to_string(status)}})});
  known_.back().counter.add();
}

void HttpCounters::cut(std::string_view reason) {
  counters_
      .counter("patchbay_http_cut_total", "Connections that were refused or given up",
               {{"reason", std::string{reason}}})
      .add();
}

}  // namespace patchbay::http
