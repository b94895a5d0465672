#include "gateway/surfaces/http_head.hpp"

#include <spdlog/fmt/fmt.h>

#include <boost/beast/http/basic_parser.hpp>
#include <cstring>

#include "core/base/ascii.hpp"

namespace patchbay::http {
namespace beast = boost::beast;

std::string_view name_of(Method method) {
  constexpr std::array<std::string_view, method_count> names{"GET",    "HEAD",    "POST",    "PUT",   "PATCH",
                                                             "DELETE", "OPTIONS", "CONNECT", "TRACE", "other"};
  return names[static_cast<std::size_t>(method)];
}

namespace {

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

std::optional<Field> field_of(beast::http::field known, std::string_view name) {
  using beast::http::field;
  switch (known) {
    case field::host: return Field::host;
    case field::origin: return Field::origin;
    case field::authorization: return Field::authorization;
    case field::content_type: return Field::content_type;
    case field::content_length: return Field::content_length;
    case field::content_encoding: return Field::content_encoding;
    case field::transfer_encoding: return Field::transfer_encoding;
    case field::connection: return Field::connection;
    case field::expect: return Field::expect;
    case field::accept: return Field::accept;
    case field::accept_encoding: return Field::accept_encoding;
    case field::upgrade: return Field::upgrade;
    case field::sec_websocket_version: return Field::websocket_version;
    case field::sec_websocket_key: return Field::websocket_key;
    case field::sec_websocket_protocol: return Field::websocket_protocol;
    case field::sec_websocket_extensions: return Field::websocket_extensions;
    case field::forwarded: return Field::forwarded;
    case field::access_control_request_method: return Field::preflight_method;
    case field::if_none_match: return Field::if_none_match;
    default: break;  // which further names Beast knows depends on its version
  }
  struct Name {
    std::string_view text;
    Field field;
  };
  static constexpr Name names[] = {
      {"sec-fetch-site", Field::fetch_site},      {"sec-fetch-mode", Field::fetch_mode},
      {"sec-fetch-dest", Field::fetch_dest},      {"traceparent", Field::traceparent},
      {"patchbay-timeout-ms", Field::timeout_ms}, {"last-event-id", Field::last_event_id},
      {"x-forwarded-for", Field::forwarded_for},  {"access-control-request-private-network", Field::preflight_network}};
  for (auto const& row : names)
    if (ascii::same(row.text, name)) return row.field;
  return std::nullopt;
}

Method method_of(beast::http::verb known) {
  using beast::http::verb;
  switch (known) {
    case verb::get: return Method::get;
    case verb::head: return Method::head;
    case verb::post: return Method::post;
    case verb::put: return Method::put;
    case verb::patch: return Method::patch;
    case verb::delete_: return Method::delete_;
    case verb::options: return Method::options;
    case verb::connect: return Method::connect;
    case verb::trace: return Method::trace;
    default: return Method::other;
  }
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    auto const comma = list.find(',');
    auto item = list.substr(0, comma);
    if (ascii::same(trimmed(item.substr(0, item.find(';'))), word)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

std::string shown(std::string_view text, std::size_t most) {
  std::string out;
  for (char c : text.substr(0, most)) out += c >= ' ' && c < 0x7F ? c : '?';
  if (text.size() > most) out += "...";
  return out;
}

// Beast's parser with views for fields. It sees one whole header at once, so nothing it points at moves.
class HeadParser final : public beast::http::basic_parser<true> {
 public:
  HeadParser(std::string_view bytes, HeadLimits const& limits, RequestHead& head)
      : bytes_(bytes), limits_(limits), head_(head) {
    header_limit(static_cast<std::uint32_t>(bytes.size() + 1));  // sizes are counted by us
    body_limit(boost::none);
    eager(false);
  }

  std::optional<Problem> run() {
    boost::system::error_code error;
    put(asio_buffer(), error);
    if (problem_) return std::move(problem_);
    if (error == beast::http::error::bad_version)
      return Problem{505, Code::unsupported, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
    if (error) return Problem{400, Code::invalid_argument, "malformed request header: " + error.message()};
    if (!is_header_done()) return Problem{400, Code::invalid_argument, "malformed request header"};
    head_.keep_alive = keep_alive();
    head_.upgrade_ = upgrade_asked_;
    return finish();
  }

 private:
  boost::asio::const_buffer asio_buffer() const { return {bytes_.data(), bytes_.size()}; }

  void refuse(std::uint16_t status, std::string message, boost::system::error_code& error,
              Code code = Code::invalid_argument) {
    if (!problem_) problem_ = Problem{status, code, std::move(message)};
    error = beast::http::error::bad_field;
  }
  bool is_ours(std::string_view text) const {
    return text.empty() || (text.data() >= bytes_.data() && text.data() + text.size() <= bytes_.data() + bytes_.size());
  }

  void on_request_impl(beast::http::verb verb, beast::string_view method, beast::string_view target, int version,
                       boost::system::error_code& error) override {
    auto const line = bytes_.find("\r\n");
    if (line > limits_.line)
      return refuse(414, fmt::format("the request line is longer than {} bytes", limits_.line), error);
    if (bytes_.size() - line > limits_.fields_bytes + 4)
      return refuse(431, fmt::format("the header fields are longer than {} bytes in all", limits_.fields_bytes), error);
    head_.method = method_of(verb);
    head_.method_text = view(method);
    head_.target = view(target);
    head_.is_1_0 = version == 10;
    if (version != 10 && version != 11)
      return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here", error, Code::unsupported);
  }
  void on_response_impl(int, beast::string_view, int, boost::system::error_code&) override {}
  void on_field_impl(beast::http::field known, beast::string_view name, beast::string_view value,
                     boost::system::error_code& error) override {
    if (++fields_ > limits_.fields)
      return refuse(431, fmt::format("more than {} header fields", limits_.fields), error);
    if (name.size() + value.size() + 2 > limits_.field)
      return refuse(431, fmt::format("a header field is longer than {} bytes", limits_.field), error);
    // Beast unfolds a continued line into a buffer of its own; RFC 9112 lets a server refuse it.
    if (!is_ours(view(value))) return refuse(400, "a header field goes on in a further line", error);
    auto const text = view(name);
    if (text.size() > 11 && ascii::same(text.substr(0, 11), "x-forwarded")) head_.forwarded = true;
    auto const field = field_of(known, text);
    if (!field) return;
    auto const index = static_cast<std::size_t>(*field);
    if (*field == Field::forwarded) head_.forwarded = true;
    if (*field == Field::connection && lists(view(value), "upgrade")) upgrade_asked_ = true;
    // Of a list in several lines one is kept: of addresses the last, which the nearest proxy wrote.
    if (head_.seen_[index] < 255) ++head_.seen_[index];
    if (head_.seen_[index] == 1 || *field == Field::forwarded || *field == Field::forwarded_for)
      head_.values_[index] = view(value);
    else if (*field == Field::websocket_protocol || *field == Field::websocket_extensions)
      join(*field, view(value));
    else if (!may_repeat(*field))
      return refuse(400, fmt::format("the header field {} stands there twice", shown(text)), error);
  }
  void on_header_impl(boost::system::error_code&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, boost::system::error_code&) override {}
  std::size_t on_body_impl(beast::string_view, boost::system::error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, boost::system::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, boost::system::error_code&) override { return 0; }
  void on_finish_impl(boost::system::error_code&) override {}

  // RFC 6455, 11.3.2 and 11.3.4: the same as one line with all of them.
  void join(Field field, std::string_view more) {
    auto& value = head_.values_[static_cast<std::size_t>(field)];
    if (head_.joined_ == nullptr) head_.joined_ = std::make_shared<std::array<std::string, 2>>();
    auto& text = (*head_.joined_)[field == Field::websocket_protocol ? 0 : 1];
    if (text.empty()) text = value;
    text.append(", ").append(more);
    value = text;
  }
  static bool may_repeat(Field field) {
    switch (field) {
      case Field::connection:
      case Field::accept:
      case Field::accept_encoding:
      case Field::forwarded:
      case Field::forwarded_for: return true;
      default: return false;
    }
  }

  std::optional<Problem> finish() {
    auto const& head = head_;
    if (auto problem = target_problem()) return problem;
    if (!head.has(Field::host)) return Problem{400, Code::invalid_argument, "a request needs exactly one Host field"};
    if (head.method == Method::connect || head.method == Method::trace)
      return Problem{405, Code::unsupported, fmt::format("{} is not served here", name_of(head.method))};
    return body_problem();
  }

  std::optional<Problem> target_problem() {
    auto target = head_.target;
    for (char c : target)
      if (c <= ' ' || c >= 0x7F || c == '#')
        return Problem{400, Code::invalid_argument, "the request target holds a character that must be escaped"};
    if (target.starts_with("http://") || target.starts_with("https://")) {
      // The absolute form: the authority must be the Host that is checked, not a second opinion.
      auto const rest = target.substr(target.find("//") + 2);
      auto const end = std::min(rest.find('/'), rest.find('?'));
      if (!ascii::same(rest.substr(0, end), head_[Field::host]))
        return Problem{400, Code::invalid_argument, "the request target names another host than the Host field"};
      target = end == std::string_view::npos ? std::string_view{"/"} : rest.substr(end);
      if (target.front() == '?') return Problem{400, Code::invalid_argument, "the request target has no path"};
    }
    if (target != "*" && target.front() != '/')
      return Problem{400, Code::invalid_argument, "the request target must begin with a slash"};
    auto const question = target.find('?');
    head_.path = target.substr(0, question);
    head_.query = question == std::string_view::npos ? std::string_view{} : target.substr(question + 1);
    return std::nullopt;
  }

  std::optional<Problem> body_problem() {
    if (head_.has(Field::transfer_encoding)) {
      if (head_.is_1_0) return Problem{400, Code::invalid_argument, "Transfer-Encoding is not part of HTTP/1.0"};
      if (head_.has(Field::content_length))
        return Problem{400, Code::invalid_argument, "Transfer-Encoding and Content-Length exclude each other"};
      if (!ascii::same(head_[Field::transfer_encoding], "chunked"))
        return Problem{400, Code::invalid_argument, "the only Transfer-Encoding understood is the single word chunked"};
      head_.chunked = true;
    }
    if (head_.has(Field::content_length)) {
      auto const text = head_[Field::content_length];
      if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string_view::npos)
        return Problem{400, Code::invalid_argument, "Content-Length must be one decimal number"};
      head_.body_bytes = 0;
      for (char c : text) head_.body_bytes = head_.body_bytes * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return std::nullopt;
  }

  std::string_view bytes_;
  HeadLimits const& limits_;
  RequestHead& head_;
  std::optional<Problem> problem_;
  std::size_t fields_ = 0;
  bool upgrade_asked_ = false;
};

void RequestHead::rebase(char const* from, char const* to) {
  auto move = [&](std::string_view& text) {
    // The absolute form's path "/" is a literal of ours and stays where it is.
    if (!text.empty() && text.data() >= from && text.data() < from + size)
      text = {to + (text.data() - from), text.size()};
  };
  move(method_text);
  move(target);
  move(path);
  move(query);
  for (auto& value : values_) move(value);
}

std::size_t find_head_end(std::string_view bytes, std::size_t from) {
  auto const start = from > 3 ? from - 3 : 0;
  auto const at = bytes.find("\r\n\r\n", start);
  return at == std::string_view::npos ? 0 : at + 4;
}

std::optional<Problem> unfinished_head_problem(std::string_view bytes, HeadLimits const& limits) {
  auto const line = bytes.substr(0, limits.line + 2).find("\r\n");
  if (line == std::string_view::npos) {
    if (bytes.size() <= limits.line + 1) return std::nullopt;
    return Problem{414, Code::invalid_argument, fmt::format("the request line is longer than {} bytes", limits.line)};
  }
  if (bytes.size() - line <= limits.fields_bytes + 4) return std::nullopt;
  return Problem{431, Code::invalid_argument,
                 fmt::format("the header fields are longer than {} bytes in all", limits.fields_bytes)};
}

std::optional<Problem> parse_head(std::string_view bytes, HeadLimits const& limits, RequestHead& head) {
  head = RequestHead{};
  head.size = bytes.size();
  return HeadParser{bytes, limits, head}.run();
}

}  // namespace patchbay::http
