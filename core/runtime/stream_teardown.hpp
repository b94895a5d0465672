// What beast::websocket::stream<Stream> asks of its next layer at the end of a connection. Include it before the
// stream is used.
#pragma once

#include <boost/beast/core/role.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/teardown.hpp>

#include "core/runtime/stream.hpp"

namespace patchbay {

inline void teardown(boost::beast::role_type role, Stream& stream, boost::system::error_code& error) {
  if (auto* tls = stream.tls())
    boost::beast::teardown(role, *tls, error);
  else
    boost::beast::websocket::teardown(role, stream.socket(), error);
}

template <class Handler>
void async_teardown(boost::beast::role_type role, Stream& stream, Handler&& handler) {
  if (auto* tls = stream.tls())
    boost::beast::async_teardown(role, *tls, std::forward<Handler>(handler));
  else
    boost::beast::websocket::async_teardown(role, stream.socket(), std::forward<Handler>(handler));
}

}  // namespace patchbay
