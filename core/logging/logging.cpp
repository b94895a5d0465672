#include "core/logging/logging.hpp"

#include <spdlog/fmt/fmt.h>

#include "core/base/iso_time.hpp"
#include "core/base/redact.hpp"
#include "core/logging/writer.hpp"

namespace patchbay::logging {

Logging::Logging(Counters& counters, Clock const& clock, Settings settings)
    : counters_(counters),
      clock_(clock),
      levels_(clock),
      writer_(std::make_unique<Writer>(settings.file)),
      format_(settings.format) {
  levels_.reset(settings.level, settings.levels);
  for (std::size_t i = 0; i < lines_.size(); ++i)
    lines_[i] = counters.counter("patchbay_log_lines_total", "Log lines written",
                                 {{"level", std::string{level_name(static_cast<LogLevel>(i))}}});
  auto dropped = [&](char const* reason) {
    return counters.counter("patchbay_log_dropped_total", "Log lines that were not written", {{"reason", reason}});
  };
  dropped_rate_ = dropped("rate");
  dropped_level_ = dropped("level");
  collector_ = counters.collect([this](std::vector<FamilySample>& out) {
    for (auto& family : out)
      if (family.name == "patchbay_log_dropped_total")
        family.series.push_back({{{"reason", "overflow"}}, static_cast<double>(writer_->lost()), {}, 0});
  });
}

Logging::~Logging() {
  counters_.forget(collector_);
  shutdown();
}

void Logging::write(LogLevel level, std::string_view logger, std::string_view message,
                    std::vector<LogField> const& fields) {
  static_cast<void>(write_line(level, logger, message, fields));
}

bool Logging::write_line(LogLevel level, std::string_view logger, std::string_view message,
                         std::vector<LogField> const& fields) {
  try {
    if (level >= LogLevel::off || !levels_.enabled(level, logger)) {
      dropped_level_.add();
      return false;
    }
    auto const now = clock_.now();
    std::shared_ptr<std::vector<std::string> const> secrets;
    std::vector<RateLimit::Suppressed> suppressed;
    bool admitted = true;
    {
      std::lock_guard lock{mutex_};
      secrets = secrets_;
      if (logger != "audit") admitted = rate_.admit(logger, message, now);  // the audit is complete
      suppressed = rate_.take_ended(now);
      if (admitted && level >= LogLevel::error) remember_error(logger, message, fields, clock_.wall(), *secrets);
    }
    for (auto const& held : suppressed) {
      auto const text = fmt::format("suppressed {} lines like: {}", held.count, held.message);
      std::vector<LogField> const none;
      emit(Line{clock_.wall(), LogLevel::warning, held.logger, text, none}, *secrets);
    }
    if (!admitted) {
      dropped_rate_.add();
      return false;
    }
    emit(Line{clock_.wall(), level, logger, message, fields}, *secrets);
    return true;
  } catch (...) {
    return false;  // a log line never fails the call that made it
  }
}

void Logging::emit(Line const& line, std::vector<std::string> const& secrets) {
  lines_[static_cast<std::size_t>(line.level)].add();
  auto const format = format_.load(std::memory_order_relaxed);
  auto const text = format_line(line, format, secrets);
  writer_->write(text);
  std::vector<std::shared_ptr<Tail>> tails;
  {
    std::lock_guard lock{mutex_};
    if (tails_.empty()) return;
    tails = tails_;
  }
  auto const json = format == Format::json ? text : format_line(line, Format::json, secrets);
  for (auto const& tail : tails)
    if (line.level >= tail->level) tail->line(json);
}

void Logging::remember_error(std::string_view logger, std::string_view message, std::vector<LogField> const& fields,
                             WallTime at, std::vector<std::string> const& secrets) {
  RecentError error;
  error.ts = iso_time(at);
  error.logger = redact::valid_utf8(logger, 64);
  std::string text = redact::mask_text(message);
  for (auto const& secret : secrets)
    for (auto where = text.find(secret); where != std::string::npos; where = text.find(secret))
      text.replace(where, secret.size(), redact::hidden);
  error.message = redact::valid_utf8(text, field_bytes);
  for (auto const& [name, value] : fields)
    if (name == "code") error.code = redact::valid_utf8(value, 64);
  auto same = std::find_if(errors_.begin(), errors_.end(), [&](auto const& one) {
    return one.logger == error.logger && one.code == error.code && one.message == error.message;
  });
  if (same != errors_.end()) {
    error.count = same->count + 1;
    errors_.erase(same);
  } else if (errors_.size() == most_errors) {
    errors_.pop_front();
  }
  errors_.push_back(std::move(error));
}

Result<void> Logging::apply(Settings settings) {
  auto opened = writer_->open(settings.file);
  if (!opened) return opened;
  format_ = settings.format;
  levels_.reset(settings.level, std::move(settings.levels));
  return {};
}

void Logging::reopen() { writer_->reopen(); }

void Logging::set_secrets(std::vector<std::string> secrets) {
  std::erase_if(secrets, [](auto const& secret) { return secret.size() < 6; });
  // Longer ones first: one may be part of another.
  std::sort(secrets.begin(), secrets.end(), [](auto const& a, auto const& b) { return a.size() > b.size(); });
  auto shared = std::make_shared<std::vector<std::string> const>(std::move(secrets));
  std::lock_guard lock{mutex_};
  secrets_ = std::move(shared);
}

void Logging::add_secret(std::string secret) {
  std::vector<std::string> all;
  {
    std::lock_guard lock{mutex_};
    all = *secrets_;
  }
  all.push_back(std::move(secret));
  set_secrets(std::move(all));
}

Result<void> Logging::flush(std::chrono::milliseconds timeout) {
  if (writer_->flush(timeout)) return {};
  return Error{Code::deadline_exceeded, fmt::format("the log was not written out within {} ms", timeout.count())};
}

void Logging::shutdown() { writer_->stop(); }

std::shared_ptr<void> Logging::tail(LogLevel level, std::function<void(std::string_view)> line) {
  auto tail = std::make_shared<Tail>(Tail{level, std::move(line)});
  std::lock_guard lock{mutex_};
  tails_.push_back(tail);
  return std::shared_ptr<void>{tail.get(), [this, tail](void*) {
                                 std::lock_guard guard{mutex_};
                                 std::erase(tails_, tail);
                               }};
}

// The members of `more` become fields; what is no text is shown as JSON.
bool Logging::fielded_line(LogLevel level, std::string_view logger, std::string_view message,
                           std::vector<LogField> fields, RawJson const& more, std::optional<LoggedError> const& error) {
  if (error) {
    fields.emplace_back("code", error->code);
    fields.emplace_back("reason", error->message);
  }
  std::deque<std::string> kept;
  auto parsed = json::parse(more.text);
  if (parsed && parsed->document.IsObject()) {
    redact::mask_json(parsed->document, parsed->document.GetAllocator());
    for (auto const& member : parsed->document.GetObject()) {
      auto const name = json::text_of(member.name);
      if (member.value.IsString())
        fields.emplace_back(name, json::text_of(member.value));
      else
        fields.emplace_back(name, kept.emplace_back(json::to_text(member.value)));
    }
  }
  return write_line(level, logger, message, fields);
}

LogResult Logging::log(Call& call, LogArgs const& args) {
  std::vector<LogField> fields;
  auto const trace = call.trace().exists() ? call.trace().hex() : std::string{};
  if (!trace.empty()) fields.emplace_back("trace", trace);
  return {fielded_line(static_cast<LogLevel>(args.level), args.logger, args.message, std::move(fields), args.fields,
                       args.error)};
}

bool Logging::operation_line(LogLevel level, std::string_view what, OperationArgs const& args) {
  std::vector<LogField> fields{{"operation", args.name}};
  auto const took = args.duration_ms ? fmt::format("{:.3f}", *args.duration_ms) : std::string{};
  if (args.duration_ms) fields.emplace_back("duration_ms", took);
  return fielded_line(level, "operation", what, std::move(fields), args.fields, args.error);
}
void Logging::operation_start(OperationArgs const& args) { operation_line(LogLevel::debug, "operation started", args); }
void Logging::operation_success(OperationArgs const& args) {
  operation_line(LogLevel::info, "operation succeeded", args);
}
void Logging::operation_failure(OperationArgs const& args) {
  operation_line(LogLevel::error, "operation failed", args);
}

Result<SetLevelResult> Logging::set_level(SetLevelArgs const& args) {
  if (args.logger == "audit" && args.level > LogLevel::info)
    return Error{Code::forbidden, "the audit cannot be turned off", "/level"};
  return SetLevelResult{levels_.set(args.logger, args.level, std::chrono::milliseconds{args.expires_ms})};
}

std::map<std::string, std::string> Logging::get_levels() const {
  std::map<std::string, std::string> out;
  for (auto const& [logger, level] : levels_.all()) out.emplace(logger, level_name(level));
  return out;
}

RecentErrorsResult Logging::recent_errors(RecentErrorsArgs const& args) const {
  RecentErrorsResult out;
  std::lock_guard lock{mutex_};
  for (auto at = errors_.rbegin(); at != errors_.rend() && out.errors.size() < args.limit; ++at)
    out.errors.push_back(*at);
  return out;
}

StatsResult Logging::stats() const {
  StatsResult out;
  for (std::size_t i = 0; i < lines_.size(); ++i)
    out.lines.emplace(level_name(static_cast<LogLevel>(i)), counters_.value(lines_[i]));
  out.dropped_overflow = writer_->lost();
  out.dropped_rate = counters_.value(dropped_rate_);
  out.dropped_level = counters_.value(dropped_level_);
  return out;
}

}  // namespace patchbay::logging
