// The outbox over a real connection: order, one write a turn, bounds, policies, what is told to its owner.
#include "core/hub/outbox.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <functional>

#include "core/hub/subscriber.hpp"

namespace patchbay::hub {

namespace {

using asio::ip::tcp;

struct NoSubscriber final : Subscriber {
  void deliver(Subscription&, MessagePtr const&) override {}
  void ended(Subscription&, Error const&) override {}
};

class HubOutbox : public testing::Test, private Outbox::Owner {
 protected:
  HubOutbox() {
    tcp::acceptor acceptor{context, tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
    client.connect(acceptor.local_endpoint());
    ServerSocket::Tcp server{context};
    acceptor.accept(server);
    server.non_blocking(true);
    server.set_option(asio::socket_base::send_buffer_size{8192});
    client.set_option(asio::socket_base::receive_buffer_size{8192});
    outbox = std::make_unique<Outbox>(ServerSocket{std::move(server)}, static_cast<Outbox::Owner&>(*this));
  }

  void turn() {
    context.restart();
    context.poll();
  }
  std::string received() {
    std::string out;
    client.non_blocking(true);
    char buffer[65536];
    boost::system::error_code error;
    while (auto const count = client.read_some(asio::buffer(buffer), error)) out.append(buffer, count);
    ended = error == asio::error::eof;
    return out;
  }
  std::string received_all(std::size_t size) {
    std::string out;
    auto const until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (out.size() < size && std::chrono::steady_clock::now() < until) {
      out += received();
      turn();
    }
    return out;
  }
  // Fills the kernel's buffers until it takes no more; gives what was appended.
  std::string block() {
    std::string sent;
    outbox->limit(std::size_t{64} << 20);
    while (!outbox->blocked()) {
      auto const frame = text_frame(std::string(60'000, 'x'));
      sent += frame->bytes;
      outbox->append(frame);
      turn();
    }
    return sent;
  }
  static FramePtr with_id(std::string_view text, std::string id) {
    auto frame = std::make_shared<Frame>(*text_frame(text));
    frame->message_id = std::move(id);
    return frame;
  }

  asio::io_context context{1};
  tcp::socket client{context};
  std::unique_ptr<Outbox> outbox;
  bool ended = false;
  int flushes = 0;
  bool broken = false;
  std::vector<std::string> written;
  std::vector<std::pair<std::string, Dropped>> dropped;
  std::vector<std::pair<std::chrono::nanoseconds, std::uint32_t>> delivered;
  SteadyTime time{};

 private:
  std::shared_ptr<void> keep() override { return keeper_; }
  SteadyTime now() override { return time; }
  void on_written(Frame const& frame) override { written.push_back(frame.message_id); }
  void on_delivered(std::chrono::nanoseconds took, std::uint32_t count) override {
    delivered.emplace_back(took, count);
  }
  void on_dropped(Frame const& frame, Dropped why) override { dropped.emplace_back(frame.message_id, why); }
  void on_flushed() override { ++flushes; }
  void on_broken(boost::system::error_code) override { broken = true; }
  std::shared_ptr<void> keeper_ = std::make_shared<int>();
};

TEST_F(HubOutbox, WritesOnceATurnAndInOrder) {
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    auto const frame = text_frame("message " + std::to_string(i));
    expected += frame->bytes;
    EXPECT_EQ(outbox->append(frame), Outbox::Taken::yes);
  }
  EXPECT_EQ(received(), "") << "nothing leaves before the turn's end";
  turn();
  EXPECT_EQ(flushes, 1);
  EXPECT_EQ(received_all(expected.size()), expected);
  EXPECT_TRUE(outbox->empty());
  EXPECT_EQ(outbox->written_frames(), 200U);
  EXPECT_EQ(outbox->written_bytes(), expected.size());
}

// Many outboxes on one context, which count their flushes.
class HubFlushList : public testing::Test, private Outbox::Owner {
 protected:
  void open(std::size_t count) {
    tcp::acceptor acceptor{context, tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
    for (std::size_t i = 0; i < count; ++i) {
      clients.emplace_back(context).connect(acceptor.local_endpoint());
      ServerSocket::Tcp server{context};
      acceptor.accept(server);
      server.non_blocking(true);
      outboxes.push_back(std::make_unique<Outbox>(ServerSocket{std::move(server)}, static_cast<Outbox::Owner&>(*this)));
    }
  }
  void publish(FramePtr const& frame) {
    for (auto& one : outboxes) one->append(frame);
  }
  // After the first slice, and after the one behind it; then to the end.
  void turns(
      std::function<void()> after_first, std::function<void()> after_second = [] {}) {
    asio::post(context, [&] {
      after_first();
      asio::post(context, after_second);
    });
    context.restart();
    context.poll();
  }
  std::size_t written() const {
    return static_cast<std::size_t>(std::ranges::count_if(outboxes, [](auto const& one) { return one->empty(); }));
  }

  asio::io_context context{1};
  std::deque<tcp::socket> clients;
  std::vector<std::unique_ptr<Outbox>> outboxes;
  int flushes = 0;

 private:
  std::shared_ptr<void> keep() override { return keeper_; }
  SteadyTime now() override { return {}; }
  void on_written(Frame const&) override {}
  void on_delivered(std::chrono::nanoseconds, std::uint32_t) override {}
  void on_dropped(Frame const&, Dropped) override {}
  void on_flushed() override { ++flushes; }
  void on_broken(boost::system::error_code) override {}
  std::shared_ptr<void> keeper_ = std::make_shared<int>();
};

// Who waits for an answer does not wait for a publication's fan-out.
TEST_F(HubFlushList, RepliesLeaveBeforeWhatIsShared) {
  open(401);
  auto const publication = text_frame("to many");
  for (std::size_t i = 0; i < 400; ++i) outboxes[i]->append(publication);
  auto& waiting = *outboxes.back();
  turns(
      [&] {
        EXPECT_LT(written(), 200U);
        waiting.append(text_frame("only to me"));
        EXPECT_FALSE(waiting.empty());
      },
      [&] {
        EXPECT_TRUE(waiting.empty()) << "although others wait for longer";
        EXPECT_LT(written(), 401U);
      });
  EXPECT_EQ(written(), 401U);
}

// What is published between the slices leaves with what waits.
TEST_F(HubFlushList, GathersBetweenItsSlices) {
  open(300);
  auto const one = text_frame("one"), two = text_frame("two");
  publish(one);
  turns([&] { publish(two); }, [&] { EXPECT_LT(written(), 300U); });
  EXPECT_EQ(written(), 300U);
  EXPECT_LT(flushes, 600);
  for (auto const& outbox : outboxes) EXPECT_EQ(outbox->written_frames(), 2U);
}

// However fast somebody publishes, queues do not grow from turn to turn.
TEST_F(HubFlushList, WhoHasMuchToSendIsWrittenInTheSameTurn) {
  open(300);
  publish(text_frame(std::string(40'000, 'x')));
  turns([&] { EXPECT_EQ(written(), 300U); });
}

TEST_F(HubFlushList, AnOutboxMayGoWhileItWaits) {
  open(300);
  publish(text_frame("to many"));
  turns([&] { outboxes.erase(outboxes.begin(), outboxes.begin() + 290); });
  EXPECT_EQ(written(), 10U);
}

TEST_F(HubOutbox, WhatLeavesTogetherIsTimedTogether) {
  auto const made = [&](std::chrono::milliseconds at) {
    auto frame = std::make_shared<Frame>(*text_frame("timed"));
    frame->made = SteadyTime{} + at;
    return frame;
  };
  outbox->append(made(std::chrono::milliseconds{10}));
  outbox->append(text_frame("of no time"));
  outbox->append(made(std::chrono::milliseconds{30}));
  time = SteadyTime{} + std::chrono::milliseconds{45};
  turn();
  EXPECT_THAT(delivered, testing::ElementsAre(std::pair{std::chrono::nanoseconds{15'000'000}, 2U}));
  delivered.clear();
  outbox->append(text_frame("of no time"));
  outbox->append(made(std::chrono::milliseconds{1}), nullptr, false);  // it was asked for long after it was made
  turn();
  EXPECT_THAT(delivered, testing::IsEmpty());
}

TEST_F(HubOutbox, PartialWritesGoOnWhereTheyStopped) {
  auto expected = block();
  auto const tail = text_frame("the end");
  expected += tail->bytes;
  outbox->append(tail);
  EXPECT_EQ(received_all(expected.size()), expected);
  EXPECT_TRUE(outbox->empty());
  EXPECT_EQ(outbox->stalled_since(), SteadyTime::max());
}

TEST_F(HubOutbox, IsBoundedAndSaysSo) {
  outbox->limit(1000);
  EXPECT_EQ(outbox->append(with_id(std::string(900, 'a'), "1")), Outbox::Taken::yes);
  EXPECT_EQ(outbox->append(with_id(std::string(900, 'b'), "2")), Outbox::Taken::full);
  EXPECT_THAT(dropped, testing::ElementsAre(testing::Pair("2", Dropped::queue_full)));
  turn();
  EXPECT_THAT(written, testing::ElementsAre("1"));
  EXPECT_EQ(outbox->append(with_id(std::string(900, 'c'), "3")), Outbox::Taken::yes) << "there is room again";
}

TEST_F(HubOutbox, DropOldestDropsOnlyItsOwn) {
  auto const before = block();
  NoSubscriber nobody;
  Subscription sensor{nobody}, other{nobody};
  sensor.policy_for_test(SlowConsumer::drop_oldest);
  other.policy_for_test(SlowConsumer::close);
  outbox->limit(outbox->queued_bytes() + 350);
  EXPECT_EQ(outbox->append(with_id(std::string(100, 'o'), "other"), &other), Outbox::Taken::yes);
  EXPECT_EQ(outbox->append(with_id(std::string(100, '1'), "old"), &sensor), Outbox::Taken::yes);
  EXPECT_EQ(outbox->append(with_id(std::string(100, '2'), "middle"), &sensor), Outbox::Taken::yes);
  EXPECT_EQ(outbox->append(with_id(std::string(100, '3'), "new"), &sensor), Outbox::Taken::yes);
  EXPECT_THAT(dropped, testing::ElementsAre(testing::Pair("old", Dropped::drop_oldest)));
  received_all(before.size() + 306);
  EXPECT_THAT(written, testing::ElementsAre("other", "middle", "new"));
}

TEST_F(HubOutbox, LatestOnlyKeepsTheNewestWhileNothingIsTaken) {
  NoSubscriber nobody;
  Subscription sensor{nobody};
  sensor.policy_for_test(SlowConsumer::latest_only);
  outbox->append(with_id("1", "a"), &sensor);
  outbox->append(with_id("2", "b"), &sensor);
  turn();
  EXPECT_THAT(written, testing::ElementsAre("a", "b")) << "a reader that keeps up misses nothing";
  received();
  auto const before = block();
  for (auto const* id : {"c", "d", "e"}) outbox->append(with_id("3", id), &sensor);
  EXPECT_THAT(dropped,
              testing::ElementsAre(testing::Pair("c", Dropped::latest_only), testing::Pair("d", Dropped::latest_only)));
  received_all(before.size() + 3);
  EXPECT_THAT(written, testing::ElementsAre("a", "b", "e"));
}

TEST_F(HubOutbox, NothingFollowsACloseFrame) {
  auto const first = text_frame("first");
  auto const farewell = close_frame(1000, "");
  outbox->append(first);
  outbox->close(farewell, false);
  EXPECT_EQ(outbox->append(text_frame("late")), Outbox::Taken::closed);
  outbox->append_bytes("\x8a\x00");
  outbox->close(close_frame(1001, ""), false);
  turn();
  EXPECT_EQ(received_all(first->bytes.size() + farewell->bytes.size()), first->bytes + farewell->bytes);
  EXPECT_TRUE(outbox->empty());
}

TEST_F(HubOutbox, AFarewellToASlowReaderComesBehindTheFrameThatIsUnderWay) {
  block();
  for (int i = 0; i < 3; ++i) outbox->append(with_id(std::string(60'000, 'y'), "y" + std::to_string(i)));
  auto const farewell = close_frame(1013, "slow consumer");
  outbox->close(farewell, true);
  EXPECT_GE(dropped.size(), 3U);
  EXPECT_LT(outbox->queued_bytes(), 70'000U);
  std::string got;
  auto const until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!got.ends_with(farewell->bytes) && std::chrono::steady_clock::now() < until) {
    got += received();
    turn();
  }
  ASSERT_TRUE(got.ends_with(farewell->bytes));
  EXPECT_EQ((got.size() - farewell->bytes.size()) % text_frame(std::string(60'000, 'x'))->bytes.size(), 0U);
}

TEST_F(HubOutbox, KnowsSinceWhenNothingIsTaken) {
  time = SteadyTime{} + std::chrono::seconds{100};
  EXPECT_EQ(outbox->stalled_since(), SteadyTime::max());
  block();
  EXPECT_EQ(outbox->stalled_since(), time);
  auto const before = time;
  time += std::chrono::seconds{1};
  outbox->append(text_frame("more"));
  turn();
  EXPECT_EQ(outbox->stalled_since(), before) << "what is appended is no progress";
  auto const until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (outbox->stalled_since() == before && std::chrono::steady_clock::now() < until) {
    received();
    turn();
  }
  EXPECT_NE(outbox->stalled_since(), before) << "what is taken is";
}

TEST_F(HubOutbox, CompressedFramesGoToThoseWhoCanTakeThem) {
  auto frame = std::make_shared<Frame>(*text_frame(std::string(1000, 'a')));
  append_frame(frame->deflated, Opcode::text, deflated_payload(std::string(1000, 'a')), true);
  outbox->append(frame);
  turn();
  EXPECT_EQ(received_all(frame->bytes.size()), frame->bytes) << "nothing was negotiated";
  outbox->deflate_window(512);
  outbox->append(frame);
  turn();
  EXPECT_EQ(received_all(frame->bytes.size()), frame->bytes) << "its window is smaller than the message";
  outbox->deflate_window(32768);
  outbox->append(frame);
  turn();
  EXPECT_EQ(received_all(frame->deflated.size()), frame->deflated);
}

TEST_F(HubOutbox, AnEndOfTheConnectionDropsWhatWaits) {
  block();
  outbox->append(with_id("never", "lost"));
  client.set_option(asio::socket_base::linger{true, 0});
  client.close();
  auto const until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!broken && std::chrono::steady_clock::now() < until) turn();
  EXPECT_TRUE(broken);
  EXPECT_THAT(dropped, testing::Contains(testing::Pair("lost", Dropped::closed)));
  EXPECT_EQ(outbox->append(text_frame("x")), Outbox::Taken::closed);
  EXPECT_EQ(outbox->queued_bytes(), 0U);
}

TEST_F(HubOutbox, MayBeDestroyedWithAFlushPending) {
  outbox->append(text_frame("x"));
  outbox.reset();
  turn();
  EXPECT_EQ(received(), "");
}

}  // namespace
}  // namespace patchbay::hub
