// Requests: the operations that a conversation has under way. A call that does not suspend is answered in place and
// costs one allocation; any other runs as a coroutine on the connection's shard and is cancelled when the conversation
// ends, whose `done` is then never called.
//
//   auto request = std::make_shared<Request>(connection.who());
//   auto reply = caller.start(hub::publish, request->call, std::move(args));
//   requests.run(request, std::move(reply), [this](Result<PublishResult> result) { ... });
//
// Own shard only; owned by the conversation.
#pragma once

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <memory>
#include <vector>

#include "core/base/call.hpp"
#include "core/base/reply.hpp"
#include "core/runtime/shard.hpp"

namespace patchbay::hub {

class Requests;

struct Request {
  explicit Request(PrincipalPtr who) : call(std::move(who)) {}
  virtual ~Request() = default;
  Request(Request const&) = delete;
  Request& operator=(Request const&) = delete;
  // Nobody waits for it any more.
  virtual void forgotten() {}

  Call call;

 private:
  friend class Requests;
  Requests* owner_ = nullptr;
  std::size_t index_ = 0;
};

class Requests {
 public:
  explicit Requests(Shard& shard) : shard_(shard) {}
  ~Requests() { stop(Stopped::cancelled); }
  Requests(Requests const&) = delete;
  Requests& operator=(Requests const&) = delete;

  // `done(Result<T>)` comes once, perhaps before this returns; never after stop().
  template <class T, class Done>
  void run(std::shared_ptr<Request> request, Reply<T> reply, Done done);
  std::size_t size() const { return running_.size(); }
  // Ends all of them and forgets them.
  void stop(Stopped why);

 private:
  void add(std::shared_ptr<Request> request);
  void remove(Request& request);

  Shard& shard_;
  std::vector<std::shared_ptr<Request>> running_;
};

template <class T, class Done>
void Requests::run(std::shared_ptr<Request> request, Reply<T> reply, Done done) {
  if (reply.ready()) return done(reply.take());
  add(request);
  auto& shard = shard_;
  auto ended = [request, &shard, done = std::move(done)](std::exception_ptr failure, Result<T> result) mutable {
    // The cancellation signal in the request must outlive this handler: the request lives for one more turn.
    shard.post([request] {});
    if (request->owner_ == nullptr) return;
    request->owner_->remove(*request);
    // The Caller turns exceptions into errors; what is left is the end of a coroutine before it began.
    if (failure) result = Error{Code::cancelled, "the call was cancelled before it began"};
    done(std::move(result));
  };
  asio::co_spawn(shard_.executor(), reply.task(),
                 asio::bind_cancellation_slot(request->call.signal().slot(), std::move(ended)));
}

}  // namespace patchbay::hub
