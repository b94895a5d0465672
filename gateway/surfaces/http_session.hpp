// Session: one HTTP connection on its shard. A chain of callbacks, no coroutine: read what is there, serve every whole
// request in it, write all answers with one system call, wait for more.
//
//   std::make_shared<Session>(state, std::move(socket), peer)->start();
//
// A call whose handler does not suspend is answered in place; any other runs as a coroutine on the shard, while the
// connection is watched for its client's going away, which cancels it. Requests of one connection are answered in their
// order, one at a time. Own thread only; it owns itself by the callbacks that are under way. Costs 4 KiB of buffer and
// one timer an idle connection; a request for a plain handler some 2 us besides the two system calls.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/runtime/server_socket.hpp"
#include "core/security/operations.hpp"
#include "gateway/surfaces/http_body.hpp"
#include "gateway/surfaces/http_input.hpp"
#include "gateway/surfaces/http_shard.hpp"
#include "gateway/surfaces/http_stream.hpp"

namespace patchbay::http {

class Session final : public std::enable_shared_from_this<Session>, private StreamOutput {
 public:
  // Counted in `count`, one of Shared, which the caller has raised.
  Session(std::shared_ptr<ShardState> state, ServerSocket socket, ip::address peer, std::atomic<std::int64_t>& count);
  ~Session() override;
  Session(Session const&) = delete;
  Session& operator=(Session const&) = delete;

  void start();
  // Beyond the limit of connections: says so and goes.
  void turn_away();
  // The gateway is stopping: what runs may finish, what is idle goes (after a moment for what is on its way, unless it
  // is in a hurry), streams end.
  void drain(bool in_a_hurry);
  // Its call ends now, if it has one.
  void stop_call(Stopped why);
  void close();

 private:
  enum class Phase { idle, head, body, calling, lingering, closed };
  // What the answer of the request at hand needs to know when the header's bytes may be gone.
  struct Exchange {
    Method method = Method::other;
    Target target;
    bool keep_alive = false;
    bool is_1_0 = false;
    bool gzip = false;
    bool cross_origin = false;  // allowed_origin_ asked
    bool streams = false;
    bool as_events = false;
    bool taken = false;  // its bytes have left the buffer
    TraceId trace;
  };

  // --- input
  void read();
  void on_read(boost::system::error_code error, std::size_t count);
  void on_input_end();
  void process();
  bool advance();  // one step; false when more bytes are needed or a call runs
  bool advance_head();
  bool advance_body();
  bool begin_request();  // false: it is answered
  std::optional<Problem> check();
  std::optional<Problem> check_origin();
  bool answer_without_call();
  // A path below /ws/: true when it is answered, or the connection is the hub's.
  bool answer_websocket();
  void upgrade(hub::Endpoint endpoint);
  Result<security::AuthenticateResult> authenticate_websocket(std::string const& query_token);
  void continue_expected();
  bool hold_memory();

  // --- calls
  Result<PrincipalPtr> authenticate(std::string const& query_token);
  bool wants_events() const;
  void start_call(std::string_view body);
  void run(Reply<Answer> reply);
  void on_call_end(std::exception_ptr failure, Result<Answer> result);
  void finish_call(Result<Answer>& result);
  Call& call() { return *calls_[call_turn_]; }

  // --- output
  void answer_success(Answer const& answer);
  void answer_raw(Answer const& answer);
  void answer_error(Error const& error, std::uint16_t status = 0, std::string_view extra = {});
  void answer_problem(Problem const& problem);
  void answer_page(Page const& page);
  void answer_preflight();
  void answer_options();
  void answer(std::uint16_t status, std::string_view type, std::string_view body, std::string_view extra,
              bool may_compress = true);
  void append_answer_head(std::uint16_t status, std::string_view type, std::optional<std::size_t> length,
                          std::string_view extra, bool chunked = false);
  void end_request();
  bool take_request();
  void flush();
  void on_writable(boost::system::error_code error);
  void close_when_sent();
  void abandon();

  // --- StreamOutput
  std::string& stream_bytes() override { return out_; }
  std::size_t stream_unsent() const override { return out_.size() - sent_; }
  void stream_open() override;
  void stream_flush() override;
  bool stream_gone() const override;

  // --- time
  void set_deadline(std::int64_t after_ms);
  void schedule();
  void on_timer();
  void expire(SteadyTime now);

  std::shared_ptr<ShardState> const state_;
  std::atomic<std::int64_t>& count_;
  ServerSocket socket_;
  ip::address const peer_;
  ip::address local_;
  ip::address client_;  // whose limits count: the peer, or what a trusted proxy says
  std::string client_text_;

  Phase phase_ = Phase::idle;
  InputBuffer in_;
  std::size_t searched_ = 0;  // bytes already looked at for the end of a header
  RequestHead head_;
  BodyReader body_;
  Exchange exchange_;
  std::string extra_;  // further header lines of one answer
  std::string out_;
  std::size_t sent_ = 0;

  bool reading_ = false;      // a read is under way
  bool writing_ = false;      // waits until the socket takes more
  bool input_ended_ = false;  // the client has said its last
  bool gone_ = false;         // it reads no answers either
  bool close_after_ = false;  // when all is sent
  bool unread_ = false;       // there is input nobody will read: say goodbye slowly
  bool flush_posted_ = false;
  bool processing_ = false;

  // A signal must outlive the handler of the coroutine it cancels: a call that suspended leaves its place alone for
  // one turn.
  std::array<std::optional<Call>, 2> calls_;
  std::size_t call_turn_ = 0;
  std::optional<EventStream> stream_;
  AddressLedger::Hold held_;

  struct Credentials {
    std::string header;
    bool forwarded = false;
    std::uint64_t generation = 0;
    SteadyTime until{};
    PrincipalPtr who;
  } credentials_;
  std::string good_host_;       // the last Host field that was found ours
  std::string allowed_origin_;  // the last origin that was allowed, and for which host
  std::string allowed_host_;
  std::uint64_t allowed_generation_ = 0;
  ConfigPtr good_config_;

  SteadyTime now_{};
  SteadyTime idle_since_{};
  SteadyTime phase_deadline_ = SteadyTime::max();
  SteadyTime write_deadline_ = SteadyTime::max();
  SteadyTime stream_deadline_ = SteadyTime::max();
  SteadyTime armed_at_ = SteadyTime::max();
  Timer timer_;
};

}  // namespace patchbay::http
