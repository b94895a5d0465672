#include "gateway/gateway.hpp"

#include "core/security/digest.hpp"
#include "core/security/token_file.hpp"
#include "gateway/file_root.hpp"
#include "gateway/host_stream.hpp"
#include "gateway/parts.hpp"

namespace patchbay {

struct Gateway::Impl {
  GatewayOptions options;
  std::unique_ptr<Parts> parts;
  std::optional<security::TokenFile> token_file;
  bool stopped = false;
};

Gateway::Gateway(GatewayOptions options) : impl_(std::make_unique<Impl>()) { impl_->options = std::move(options); }
Gateway::~Gateway() { stop(); }

std::string Gateway::version() { return PATCHBAY_VERSION; }

Result<void> Gateway::start() {
  auto& options = impl_->options;
  config::LoadOptions load{.path = options.config_file, .limit_names = limit_names()};
  if (!options.addresses.empty()) {
    auto const listen = describe::to_text(options.addresses);
    load.overrides.emplace_back("server.listen", listen);
  }
  if (options.insecure) load.overrides.emplace_back("server.insecure", "true");
  if (!options.plugin_directory.empty())
    load.overrides.emplace_back("plugins.directory", json::quoted(options.plugin_directory));
  auto loaded = config::load(std::move(load));
  if (!loaded.ok()) return Error{Code::invalid_argument, "the configuration is not right:\n" + loaded.problem_text()};

  if (auto apart = check_file_root(loaded.values, options.config_file); !apart) return apart.error();

  auto const notices = loaded.notices();
  auto const token = security::random_url_safe(32);
  try {
    impl_->parts = std::make_unique<Parts>(options, std::move(loaded), token);
  } catch (ErrorException const& error) {
    return error.error();
  }
  auto& parts = *impl_->parts;
  for (auto const& notice : notices) parts.log.write(LogLevel::warning, "config", notice);
  auto const values = parts.config.values();
  auto const wanted = static_cast<std::int64_t>(values->websocket_server.max_connections);
  if (auto const possible = parts.hub.settings()->max_connections; possible < wanted) {
    auto const asked = std::to_string(wanted), allowed = std::to_string(possible);
    parts.log.write(LogLevel::warning, "hub", "fewer WebSocket connections than asked for: too few descriptors",
                    {{"max_connections", asked}, {"possible", allowed}});
  }
  parts.publish_table();
  parts.runtime.start();
  parts.hub.start();
  if (options.plugins) parts.plugins.start();
  if (!options.listen) return {};

  parts.http = std::make_unique<HttpServer>(parts.runtime, parts.caller, parts.counters, parts.log,
                                            http_settings(*values, version()), &parts.hub);
  auto port = parts.http->listen();
  if (!port) {
    auto const error = port.error();
    stop();
    return error;
  }
  auto file = security::TokenFile::write(*port, token, state_folder());
  if (file)
    impl_->token_file = std::move(*file);
  else
    parts.log.write(LogLevel::warning, "gateway", "no token file for this run: the command line needs $PATCHBAY_TOKEN",
                    {{"reason", file.error().message}});
  return {};
}

void Gateway::stop() {
  if (impl_->stopped || impl_->parts == nullptr) return;
  impl_->stopped = true;
  auto& parts = *impl_->parts;
  parts.draining = true;
  parts.log.write(LogLevel::info, "gateway", "stopping");
  // Both at once: requests finish while connections hear when to come back, and go in batches.
  parts.hub.drain(parts.http ? std::chrono::seconds{7} : std::chrono::seconds{0});
  if (parts.http) parts.http->drain(std::chrono::seconds{7});
  parts.hub.stop();
  if (parts.http) parts.http->stop();
  impl_->token_file.reset();
  parts.runtime.stop();  // ends the plugins, then what they used
  parts.log.write(LogLevel::info, "gateway", "stopped");
  parts.log.shutdown();
}

Result<std::vector<std::string>> Gateway::reload() {
  impl_->parts->log.reopen();
  auto result = impl_->parts->config.reload_now();
  if (!result) return result.error();
  return result->changed;
}

std::vector<std::string> Gateway::urls() const {
  return impl_->parts && impl_->parts->http ? impl_->parts->http->urls() : std::vector<std::string>{};
}

Caller& Gateway::caller() { return impl_->parts->caller; }
Runtime& Gateway::runtime() { return impl_->parts->runtime; }
LogSink& Gateway::log() { return impl_->parts->log; }
Counters& Gateway::counters() { return impl_->parts->counters; }
metrics::Metrics& Gateway::metrics() { return impl_->parts->metrics; }

std::shared_ptr<Call> Gateway::host_call(std::optional<std::chrono::milliseconds> timeout) {
  auto call = std::make_shared<Call>(host_principal());
  if (timeout) call->limit(Deadline::in(*timeout));
  return call;
}

std::optional<Error> Gateway::refuse_on_shard() {
  if (Shard::current() == nullptr) return std::nullopt;
  return Error{Code::unsupported,
               "a blocking call from a shard's own thread would wait for itself; co_await the Caller there"};
}

Result<RawJson> Gateway::call_json(std::string_view tool, std::string_view args,
                                   std::optional<std::chrono::milliseconds> timeout) {
  if (auto refused = refuse_on_shard()) return *refused;
  auto const* row = caller().table().find(tool);
  if (row == nullptr) return caller().no_such_tool(tool);
  auto call = host_call(timeout);
  auto reply = caller().start_json(*row, *call, args, json::upstream_limits);
  auto answer = reply.ready() ? reply.take() : wait<Answer>(call, reply.task());
  if (!answer) return answer.error();
  return RawJson{std::move(answer->data)};
}

Result<RawJson> Gateway::stream_json(std::string_view tool, std::string_view args,
                                     std::function<bool(std::string_view, std::string_view)> on_event) {
  if (auto refused = refuse_on_shard()) return *refused;
  auto const* row = caller().table().find(tool);
  if (row == nullptr) return caller().no_such_tool(tool);
  auto call = host_call({});
  auto& home = runtime().home();
  auto stream = std::make_shared<HostStream>(home.executor());
  call->set_events(stream.get());
  auto reply = caller().start_json(*row, *call, args, json::upstream_limits);
  if (reply.ready()) {
    stream->end(reply.take());
  } else {
    auto done = [stream, call](std::exception_ptr error, Result<Answer> result) {
      if (error) result = Error{Code::internal, "the stream ended by an exception"};
      stream->end(std::move(result));
    };
    asio::co_spawn(home.executor(), reply.task(), asio::bind_cancellation_slot(call->signal().slot(), std::move(done)));
  }
  auto answer = stream->run(on_event, [&home, call] { home.post([call] { call->stop(Stopped::cancelled); }); });
  if (!answer) return answer.error();
  return RawJson{std::move(answer->data)};
}

}  // namespace patchbay
