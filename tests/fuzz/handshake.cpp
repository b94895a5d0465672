// A WebSocket handshake: the header, the checks in front of it, the endpoint in its path, and the walk along the frames
// behind it. What passes the checks is what they promise.
#include <cstdlib>

#include "core/hub/endpoint.hpp"
#include "core/hub/frame_walk.hpp"
#include "gateway/surfaces/http_checks.hpp"

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

patchbay::hub::Settings settings() {
  patchbay::hub::Settings out;
  out.echo = true;
  out.workflows["assistant"] = {"echo_chat", false};
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  using namespace patchbay;
  std::string_view const bytes{reinterpret_cast<char const*>(data), size};
  auto const end = http::find_head_end(bytes, 0);
  if (end == 0) return 0;
  http::RequestHead head;
  if (http::parse_head(bytes.substr(0, end), http::HeadLimits{}, head)) return 0;
  http::is_same_origin(head[http::Field::origin], head[http::Field::host], false);
  static auto const trusted = *http::AddressList::make({"127.0.0.0/8", "::1"});
  http::client_address(head, http::ip::make_address("127.0.0.1"), trusted);
  auto const problem = http::upgrade_problem(head);
  if (!problem && head.is_upgrade() && http::lists(head[http::Field::upgrade], "websocket")) {
    expect(head.method == http::Method::get && !head.has_body());
    expect(head[http::Field::websocket_version] == "13");
    expect(head[http::Field::websocket_key].size() == 24);
  }
  static auto const known = settings();
  if (auto const endpoint = hub::endpoint_of(head.target, known)) {
    expect(endpoint->channel.empty() || hub::is_channel_pattern(endpoint->channel));
    expect(endpoint->user_id.size() <= 255 && endpoint->chat_id.size() <= 255);
  }
  // However the bytes behind it are cut, the walk sees the same.
  auto const frames = bytes.substr(end);
  hub::FrameWalk whole, pieces;
  auto const at_once = whole.pass(frames);
  std::uint32_t pings = 0;
  bool close = false;
  for (std::size_t at = 0; at < frames.size(); at += 3) {
    auto const seen = pieces.pass(frames.substr(at, 3));
    pings += seen.pings;
    close = close || seen.close;
  }
  expect(pings == at_once.pings && close == at_once.close && whole.remaining() == pieces.remaining());
  return 0;
}
