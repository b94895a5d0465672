// Wire: the layer that Beast's WebSocket stream stands on instead of a socket. What it reads, the session sees first;
// what it writes (the handshake's answer, pongs, close frames) goes into the session's outbox and counts as written.
//
// Only session.cpp includes this: Beast stays in one unit. The session outlives every operation: the handlers hold it.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/role.hpp>

#include "core/hub/session.hpp"

namespace patchbay::hub {

class Wire {
 public:
  using executor_type = Executor;
  using ErrorCode = boost::system::error_code;

  explicit Wire(Session& session) : session_(session) {}
  Executor get_executor() { return session_.outbox_.socket().get_executor(); }

  template <class Buffers, class Token>
  auto async_read_some(Buffers const& buffers, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, std::size_t)>(
        [this](auto handler, Buffers const& list) {
          asio::mutable_buffer into;
          for (auto at = asio::buffer_sequence_begin(list); at != asio::buffer_sequence_end(list); ++at) {
            into = *at;
            if (into.size() > 0) break;
          }
          this->read(into, std::move(handler));
        },
        token, buffers);
  }

  template <class Buffers, class Token>
  auto async_write_some(Buffers const& buffers, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, std::size_t)>(
        [this](auto handler, Buffers const& list) {
          std::string bytes(asio::buffer_size(list), '\0');
          asio::buffer_copy(asio::buffer(bytes), list);
          // Posted before the outbox posts its flush: what the handler sends leaves in the same write, the welcome with
          // the handshake's answer.
          asio::post(get_executor(),
                     [handler = std::move(handler), size = bytes.size()]() mutable { handler(ErrorCode{}, size); });
          session_.write_control(std::move(bytes));
        },
        token, buffers);
  }

  // Reads and throws away until the other side has ended its direction too.
  template <class Handler>
  void part(Handler handler) {
    session_.begin_parting();
    auto into = asio::mutable_buffer{session_.small_.data(), session_.small_.size()};
    read(into, [handler = std::move(handler)](ErrorCode error, std::size_t) mutable { handler(error); });
  }
  void close() { session_.outbox_.socket().close(); }

 private:
  template <class Handler>
  void read(asio::mutable_buffer into, Handler handler) {
    if (auto const count = session_.take_early(into); count > 0) {
      asio::post(get_executor(), [this, into, count, handler = std::move(handler)]() mutable {
        pass(into, count, std::move(handler));
      });
      return;
    }
    session_.outbox_.socket().async_read_some(
        into, [this, into, handler = std::move(handler)](ErrorCode error, std::size_t count) mutable {
          if (error) return handler(error, std::size_t{0});
          pass(into, count, std::move(handler));
        });
  }
  template <class Handler>
  void pass(asio::mutable_buffer into, std::size_t count, Handler handler) {
    if (session_.inspect({static_cast<char const*>(into.data()), count})) return handler(ErrorCode{}, count);
    read(into, std::move(handler));
  }

  Session& session_;
};

// Found by Beast.
inline void beast_close_socket(Wire& wire) { wire.close(); }
inline void teardown(boost::beast::role_type, Wire& wire, boost::system::error_code& error) {
  wire.close();
  error = {};
}
template <class Handler>
void async_teardown(boost::beast::role_type, Wire& wire, Handler&& handler) {
  wire.part(std::forward<Handler>(handler));
}

}  // namespace patchbay::hub
