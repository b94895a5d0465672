#include "gateway/surfaces/http_server.hpp"

#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <mutex>

#include "core/base/ascii.hpp"
#include "core/hub/session.hpp"
#include "gateway/surfaces/http_session.hpp"

namespace patchbay {
namespace {

using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using Endpoint = asio::ip::tcp::endpoint;
using ErrorCode = boost::system::error_code;
constexpr auto certificate_interval = std::chrono::seconds{30};

using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

Result<Endpoint> endpoint_of(std::string const& text) {
  auto const bad = Error{Code::invalid_argument,
                         fmt::format("server.listen: \"{}\" must be address:port, such as 127.0.0.1:8765 or [::1]:8765",
                                     http::shown(text))};
  auto const split = http::split_host(text);
  if (!split || split->port.empty()) return bad;
  auto const port = std::stoul(std::string{split->port});
  if (port > 65535) return bad;
  auto const host = ascii::same(split->host, "localhost") ? std::string{"127.0.0.1"} : std::string{split->host};
  ErrorCode error;
  auto const address = asio::ip::make_address(host, error);
  if (error) return bad;
  return Endpoint{address, static_cast<std::uint16_t>(port)};
}

std::string text_of(Endpoint const& endpoint) {
  auto const address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

Error bind_error(Endpoint const& endpoint, ErrorCode error) {
  if (error == asio::error::address_in_use)
    return Error{Code::conflict, fmt::format("{}: address in use", text_of(endpoint))};
  return Error{Code::unavailable, fmt::format("{}: {}", text_of(endpoint), error.message())};
}

// Opens and binds; `shared` so that each shard can have an acceptor of its own on the port.
Result<Acceptor> bound(Executor executor, Endpoint const& endpoint, bool shared) {
  Acceptor acceptor{executor};
  ErrorCode error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(Acceptor::reuse_address{true}, error);
  if (!error && shared) acceptor.set_option(ReusePort{true}, error);
  if (!error && endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only{true}, error);
  // What is accepted inherits these (Linux): two calls less for each connection.
  if (!error) acceptor.set_option(asio::ip::tcp::no_delay{true}, error);
  if (!error) acceptor.set_option(asio::socket_base::keep_alive{true}, error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) acceptor.non_blocking(true, error);
  if (error) return bind_error(endpoint, error);
  return acceptor;
}

Result<http::ConfigPtr> config_of(HttpSettings settings, std::vector<asio::ip::address> const& listen,
                                  TlsServerPtr tls) {
  for (auto const& limit : http::limit_table)
    if (auto const value = settings.*limit.member; value < limit.least || value > limit.most)
      return Error{Code::invalid_argument,
                   fmt::format("limit {} must be from {} to {}, is {}", limit.name, limit.least, limit.most, value)};
  auto hosts = http::HostList::make(settings.hosts, listen);
  if (!hosts) return hosts.error();
  auto trusted = http::AddressList::make(settings.trusted_proxies);
  if (!trusted) return trusted.error();
  auto config = std::make_shared<http::Config>();
  config->hosts = std::move(*hosts);
  config->trusted = std::move(*trusted);
  config->head = {static_cast<std::size_t>(settings.request_line_bytes),
                  static_cast<std::size_t>(settings.header_bytes), static_cast<std::size_t>(settings.headers_bytes),
                  static_cast<std::size_t>(settings.header_fields)};
  config->json = settings.json_limits();
  config->tls = std::move(tls);
  config->settings = std::move(settings);
  return http::ConfigPtr{std::move(config)};
}

// Accepts on one shard.
class Listener final : public std::enable_shared_from_this<Listener> {
 public:
  Listener(std::shared_ptr<http::ShardState> state, Acceptor acceptor)
      : state_(std::move(state)), acceptor_(std::move(acceptor)), pause_([this] { accept(); }) {}

  void accept() {
    if (!acceptor_.is_open()) return;
    acceptor_.async_accept([self = shared_from_this()](ErrorCode error, ServerSocket::Tcp socket) {
      if (error) return self->on_error(error);
      self->take(std::move(socket));
      self->accept();
    });
  }
  // Takes what already waits, then no more.
  void close() {
    ErrorCode error;
    while (acceptor_.is_open()) {
      ServerSocket::Tcp socket{state_->shard.executor()};
      acceptor_.accept(socket, error);
      if (error) break;
      take(std::move(socket));
    }
    acceptor_.close(error);
    pause_.disarm();
  }

 private:
  void take(ServerSocket::Tcp accepted) {
    ErrorCode error;
    auto const peer = accepted.remote_endpoint(error);
    if (error) return;  // gone again
    ServerSocket socket{std::move(accepted), state_->config->tls};
    auto const most = state_->config->settings.max_connections;
    auto& shared = *state_->shared;
    if (shared.connections.fetch_add(1) < most)
      return std::make_shared<http::Session>(state_, std::move(socket), peer.address(), shared.connections)->start();
    shared.connections.fetch_sub(1);
    // Those that are turned away are told so and linger for a moment; when they are so many that it hurts, no more.
    constexpr std::int64_t most_lingering = 64;
    if (shared.turned_away.fetch_add(1) < most_lingering)
      return std::make_shared<http::Session>(state_, std::move(socket), peer.address(), shared.turned_away)
          ->turn_away();
    shared.turned_away.fetch_sub(1);
    state_->counters.cut("connections");
  }
  void on_error(ErrorCode error) {
    if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
    if (error == asio::error::connection_aborted) return accept();
    // No descriptors or no memory: trying again at once would spin.
    auto const now = state_->clock.now();
    if (now >= quiet_until_) {
      state_->log.write(LogLevel::error, "http", "cannot accept connections", {{"reason", error.message()}});
      quiet_until_ = now + std::chrono::seconds{10};
    }
    state_->counters.cut("accept");
    state_->shard.wheel().arm(pause_, std::chrono::milliseconds{100});
  }

  std::shared_ptr<http::ShardState> state_;
  Acceptor acceptor_;
  Timer pause_;
  SteadyTime quiet_until_{};
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(Runtime& runtime, Caller& caller, Counters& counters, LogSink& log, HttpSettings settings, hub::Hub* hub)
      : runtime_(runtime),
        caller_(caller),
        counters_(counters),
        log_(log),
        settings_(std::move(settings)),
        shared_(std::make_shared<http::Shared>(static_cast<std::size_t>(settings_.address_bytes))),
        limits_(std::make_shared<LimitValues>()) {
    shared_->hub = hub;
  }

  Result<std::uint16_t> listen() {
    std::vector<Endpoint> endpoints;
    if (settings_.listen.empty()) return Error{Code::invalid_argument, "server.listen: no address to listen on"};
    for (auto const& text : settings_.listen) {
      auto endpoint = endpoint_of(text);
      if (!endpoint) return endpoint.error();
      endpoints.push_back(*endpoint);
    }
    auto tls = load_tls();
    if (!tls) return tls.error();
    std::vector<std::vector<Acceptor>> acceptors(runtime_.size());
    for (auto& endpoint : endpoints) {
      // A plain bind first: with SO_REUSEPORT a second gateway would get half of the connections in silence. (Asked for
      // any port, the kernel shares none.)
      if (endpoint.port() != 0)
        if (auto probe = bound(runtime_.shard(0).executor(), endpoint, false); !probe) return probe.error();
      for (std::size_t i = 0; i < runtime_.size(); ++i) {
        auto acceptor = bound(runtime_.shard(i).executor(), endpoint, true);
        if (!acceptor) return acceptor.error();
        endpoint.port(acceptor->local_endpoint().port());
        acceptors[i].push_back(std::move(*acceptor));
      }
      addresses_.push_back(endpoint.address());
      urls_.push_back((*tls ? "https://" : "http://") + text_of(endpoint));
    }
    auto config = config_of(settings_, addresses_, *tls);
    if (!config) return config.error();
    config_ = *config;
    show_limits();
    if (*tls) watch_certificate();
    for (std::size_t i = 0; i < runtime_.size(); ++i) {
      auto& shard = runtime_.shard(i);
      auto state = std::make_shared<http::ShardState>(shard, runtime_, caller_, counters_, log_, shared_, *config);
      state->on_session_end = [this] { session_ended(); };
      states_.push_back(state);
      for (auto& acceptor : acceptors[i]) {
        auto listener = std::make_shared<Listener>(state, std::move(acceptor));
        listeners_.push_back({&shard, listener});
        shard.post([listener] { listener->accept(); });
      }
    }
    return endpoints.front().port();
  }

  std::vector<std::string> const& urls() const { return urls_; }

  Result<void> apply(HttpSettings settings) {
    std::lock_guard lock{change_mutex_};
    settings.listen = settings_.listen;
    settings.tls = settings_.tls;
    auto config = config_of(settings, addresses_, config_ ? config_->tls : nullptr);
    if (!config) return config.error();
    settings_ = std::move(settings);
    shared_->ledger.set_limit(static_cast<std::size_t>(settings_.address_bytes));
    show_limits();
    forget_credentials();
    use(std::move(*config));
    return {};
  }

  Result<void> renew_certificate() {
    std::lock_guard lock{change_mutex_};
    if (settings_.tls.certificate.empty() || states_.empty()) return {};
    auto tls = load_tls();
    if (!tls) return tls.error();
    auto fresh = std::make_shared<http::Config>(*config_);
    fresh->tls = std::move(*tls);
    use(std::move(fresh));
    return {};
  }

  void forget_credentials() { shared_->credentials.fetch_add(1); }

  void drain(std::chrono::milliseconds patience) {
    if (stopped_) return;
    auto const until = SteadyTime::clock::now() + patience;
    auto const in_a_hurry = patience.count() == 0;
    for (auto& [shard, listener] : listeners_) shard->post([one = listener] { one->close(); });
    listeners_.clear();
    on_each_session([in_a_hurry](http::Session& session) { session.drain(in_a_hurry); }, true);
    if (wait_for_end(until)) return;
    on_each_session([](http::Session& session) { session.stop_call(Stopped::shutdown); }, true);
    wait_for_end(SteadyTime::clock::now() + std::chrono::seconds{1});
  }

  void stop() {
    if (stopped_) return;
    drain(std::chrono::milliseconds{0});
    stopped_ = true;
    if (certificate_check_) runtime_.home().post([check = std::move(certificate_check_)] { check->disarm(); });
    on_each_session([](http::Session& session) { session.close(); }, true);
    // Peers of the hub's connections get a moment to answer its farewells.
    auto const farewells = SteadyTime::clock::now() + std::chrono::seconds{1};
    while (shared_->admission->sessions() > 0 && SteadyTime::clock::now() < farewells)
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    if (shared_->hub != nullptr)
      for (auto& state : states_) state->shard.post([state] { hub::Session::abort_all(state->shard); });
    // A handler that ignores its cancellation keeps its session: said, and left to the runtime.
    if (!wait_for_end(SteadyTime::clock::now() + std::chrono::seconds{2}))
      log_.write(LogLevel::warning, "http", "calls that do not end are left behind",
                 {{"count", std::to_string(connections())}});
    for (auto& state : states_) {
      std::promise<void> done;
      state->shard.post([&] {
        state->on_session_end = nullptr;
        done.set_value();
      });
      done.get_future().wait();
    }
    states_.clear();
    for (auto const id : gauges_) counters_.forget(id);
    gauges_.clear();
  }

  std::size_t connections() const { return static_cast<std::size_t>(shared_->connections.load()); }
  std::size_t held_bytes() const { return shared_->ledger.total(); }

 private:
  using LimitValues = std::array<std::atomic<std::int64_t>, http::limit_table.size()>;

  // Takes a configuration over on every shard.
  void use(http::ConfigPtr config) {
    config_ = std::move(config);
    for (auto& state : states_) state->shard.post([state, fresh = config_] { state->config = fresh; });
  }

  Result<TlsServerPtr> load_tls() {
    if (settings_.tls.certificate.empty()) return TlsServerPtr{};
    certificate_times_ = file_times();
    return TlsServer::load(settings_.tls);
  }
  // A certificate is renewed by writing its files anew: they are looked at every half minute.
  void watch_certificate() {
    certificate_check_ = std::make_shared<Timer>();
    certificate_check_->on_expiry([this, timer = certificate_check_.get()] {
      renew_when_written();
      runtime_.home().wheel().arm(*timer, certificate_interval);
    });
    runtime_.home().post(
        [this, timer = certificate_check_] { runtime_.home().wheel().arm(*timer, certificate_interval); });
  }
  void renew_when_written() {
    {
      std::lock_guard lock{change_mutex_};
      if (file_times() == certificate_times_) return;
    }
    auto const done = renew_certificate();
    if (done)
      log_.write(LogLevel::info, "http", "certificate renewed", {{"file", settings_.tls.certificate}});
    else
      log_.write(LogLevel::error, "http", "the renewed certificate is not right; the old one stays in use",
                 {{"reason", done.error().message}});
  }
  std::array<std::filesystem::file_time_type, 3> file_times() const {
    auto const at = [](std::string const& file) {
      std::error_code error;
      auto const time = std::filesystem::last_write_time(file, error);
      return error ? std::filesystem::file_time_type::min() : time;
    };
    return {at(settings_.tls.certificate), at(settings_.tls.key), at(settings_.tls.client_ca)};
  }

  void show_limits() {
    for (std::size_t i = 0; i < http::limit_table.size(); ++i) {
      (*limits_)[i] = settings_.*http::limit_table[i].member;
      if (gauges_.size() == http::limit_table.size()) continue;
      gauges_.push_back(counters_.gauge_function(
          "patchbay_limit", "Limits in force", {{"name", std::string{http::limit_table[i].name}}},
          [values = limits_, i] { return static_cast<double>((*values)[i].load()); }));
    }
  }

  template <class Function>
  void on_each_session(Function function, bool draining) {
    for (auto& state : states_)
      state->shard.post([state, function, draining] {
        state->draining = draining;
        // Closing one may remove it from the set.
        std::vector<std::weak_ptr<http::Session>> open;
        for (auto* session : state->sessions) open.push_back(session->weak_from_this());
        for (auto& one : open)
          if (auto session = one.lock()) function(*session);
      });
  }

  void session_ended() {
    std::lock_guard lock{mutex_};
    ended_.notify_all();
  }
  bool wait_for_end(SteadyTime until) {
    std::unique_lock lock{mutex_};
    return ended_.wait_until(lock, until, [this] { return connections() == 0 && shared_->turned_away == 0; });
  }

  Runtime& runtime_;
  Caller& caller_;
  Counters& counters_;
  LogSink& log_;
  HttpSettings settings_;
  std::shared_ptr<http::Shared> shared_;
  std::shared_ptr<LimitValues> limits_;
  std::vector<std::uint64_t> gauges_;
  std::vector<asio::ip::address> addresses_;
  std::vector<std::string> urls_;
  std::vector<std::shared_ptr<http::ShardState>> states_;
  std::vector<std::pair<Shard*, std::shared_ptr<Listener>>> listeners_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::mutex change_mutex_;  // of settings_ and config_
  http::ConfigPtr config_;
  std::shared_ptr<Timer> certificate_check_;
  std::array<std::filesystem::file_time_type, 3> certificate_times_{};
  bool stopped_ = false;
};

HttpServer::HttpServer(Runtime& runtime, Caller& caller, Counters& counters, LogSink& log, HttpSettings settings,
                       hub::Hub* hub)
    : impl_(std::make_unique<Impl>(runtime, caller, counters, log, std::move(settings), hub)) {}
HttpServer::~HttpServer() { stop(); }
Result<std::uint16_t> HttpServer::listen() { return impl_->listen(); }
std::vector<std::string> const& HttpServer::urls() const { return impl_->urls(); }
Result<void> HttpServer::apply(HttpSettings settings) { return impl_->apply(std::move(settings)); }
Result<void> HttpServer::renew_certificate() { return impl_->renew_certificate(); }
void HttpServer::forget_credentials() { impl_->forget_credentials(); }
void HttpServer::drain(std::chrono::milliseconds patience) { impl_->drain(patience); }
void HttpServer::stop() { impl_->stop(); }
std::size_t HttpServer::connections() const { return impl_->connections(); }
std::size_t HttpServer::held_bytes() const { return impl_->held_bytes(); }

}  // namespace patchbay
