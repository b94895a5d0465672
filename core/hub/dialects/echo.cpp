#include "core/hub/dialects/echo.hpp"

#include <bit>

namespace patchbay::hub {
namespace {

class Echo final : public Conversation {
 public:
  using Conversation::Conversation;

  void opened() override {}
  void received(std::string_view message, bool binary) override {
    auto const opcode = binary ? Opcode::binary : Opcode::text;
    auto frame = std::make_shared<Frame>();
    auto const window = connection().deflate_window();
    auto const small = window > 0 ? deflated_payload(message, std::countr_zero(window)) : std::string{};
    append_frame(frame->bytes, opcode, small.empty() ? message : std::string_view{small}, !small.empty());
    connection().send(std::move(frame));
  }
  void direct(MessagePtr const&) override {}
  void draining(std::chrono::milliseconds) override {}
  void closed() override {}

 private:
  void deliver(Subscription&, MessagePtr const&) override {}
  void ended(Subscription&, Error const&) override {}
};

}  // namespace

std::unique_ptr<Conversation> make_echo(Connection& connection) { return std::make_unique<Echo>(connection); }

}  // namespace patchbay::hub
