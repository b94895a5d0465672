// Wire: what Beast's WebSocket stands on instead of a bare socket. All bytes of a connection leave through it.
//
// Beast reads through it, which keeps the protocol right (masks, UTF-8, fragments, close, inflating), and writes only
// the handshake and control frames. Data frames are encoded here: appended, masked, to one buffer that leaves with one
// write in the next turn of the loop, however many callers have added to it. A write of Beast's completes when its
// bytes have left, so a peer that sends pings and reads nothing makes us stop reading instead of filling our memory.
// After a close frame nothing is appended.
//
// One shard's thread only. Owned by the Link, which must outlive the writes: start_writing() is given a keeper.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/role.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "core/base/counters.hpp"
#include "core/runtime/stream.hpp"

namespace patchbay::websocket {

class Wire {
 public:
  using executor_type = Executor;
  using ErrorCode = boost::system::error_code;

  Wire(std::unique_ptr<Stream> stream, UpDown queue_bytes) : stream_(std::move(stream)), queue_bytes_(queue_bytes) {}
  ~Wire() { queue_bytes_.add(-static_cast<std::int64_t>(queued())); }
  Wire(Wire const&) = delete;
  Wire& operator=(Wire const&) = delete;

  Executor get_executor() { return stream_->get_executor(); }
  Stream& stream() { return *stream_; }
  // What must stay alive while a write is under way; and whom to tell that the connection is broken.
  void keep_alive_by(std::weak_ptr<void> keeper) { keeper_ = std::move(keeper); }
  void on_broken(std::function<void()> callback) { broken_callback_ = std::move(callback); }
  // When a close frame goes out, whoever wrote it: from here on the other side has limited time.
  void on_closing(std::function<void()> callback) { closing_callback_ = std::move(callback); }

  bool usable() const { return !failed_ && !closing_; }
  std::size_t queued() const { return waiting_.size() + leaving_.size(); }

  // One whole masked frame. `opcode` with the FIN bit, and RSV1 if compressed.
  void append(std::uint8_t first_byte, std::string_view a, std::string_view b = {});
  void close() {
    failed_ = true;
    stream_->close();
  }

  void say_no_more() {
    boost::system::error_code ignored;
    stream_->socket().shutdown(asio::socket_base::shutdown_send, ignored);
  }

  template <class Buffers, class Token>
  auto async_read_some(Buffers const& buffers, Token&& token) {
    return stream_->async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(Buffers const& buffers, Token&& token) {
    return asio::async_initiate<Token, void(ErrorCode, std::size_t)>(
        [this](auto handler, Buffers const& b) {
          auto const size = asio::buffer_size(b);
          auto const start = waiting_.size();
          waiting_.resize(start + size);
          queue_bytes_.add(static_cast<std::int64_t>(size));
          asio::buffer_copy(asio::buffer(waiting_.data() + start, size), b);
          // Beast's frames are whole and come one at a time: 0x88 begins a close frame, "GET" the handshake.
          if (size > 0 && static_cast<unsigned char>(waiting_[start]) == 0x88) begin_closing();
          using Handler = std::decay_t<decltype(handler)>;
          beast_write_ = std::make_unique<BeastWriteFor<Handler>>(std::move(handler), get_executor(), size);
          schedule();
        },
        token, buffers);
  }

 private:
  struct BeastWrite {
    virtual ~BeastWrite() = default;
    virtual void complete(ErrorCode error) = 0;
  };
  template <class Handler>
  struct BeastWriteFor final : BeastWrite {
    BeastWriteFor(Handler h, Executor e, std::size_t n) : handler(std::move(h)), executor(e), size(n) {}
    void complete(ErrorCode error) override {
      auto const target = asio::get_associated_executor(handler, executor);
      asio::post(target, [h = std::move(handler), error, n = error ? 0 : size]() mutable { std::move(h)(error, n); });
    }
    Handler handler;
    Executor executor;
    std::size_t size;
  };

  void begin_closing();
  void schedule();
  void write();
  void written(ErrorCode error);

  std::unique_ptr<Stream> stream_;
  UpDown queue_bytes_;
  std::weak_ptr<void> keeper_;
  std::function<void()> broken_callback_, closing_callback_;
  std::vector<char> waiting_, leaving_;
  std::unique_ptr<BeastWrite> beast_write_, beast_leaving_;
  bool scheduled_ = false, writing_ = false, closing_ = false, failed_ = false;
};

inline void beast_close_socket(Wire& wire) { wire.close(); }
// The end of a connection whose last word has left: we say that we send no more and go, instead of reading until the
// other side goes too, which a hostile one never does. Beast thus keeps the reason why it ends a connection; an error
// of the teardown would take its place.
inline void teardown(boost::beast::role_type, Wire& wire, boost::system::error_code& error) {
  wire.say_no_more();
  error = {};
}
template <class Handler>
void async_teardown(boost::beast::role_type, Wire& wire, Handler&& handler) {
  wire.say_no_more();
  asio::post(wire.get_executor(),
             [done = std::forward<Handler>(handler)]() mutable { std::move(done)(boost::system::error_code{}); });
}

}  // namespace patchbay::websocket
