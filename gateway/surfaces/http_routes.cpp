#include "gateway/surfaces/http_routes.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "core/base/hex.hpp"

namespace patchbay::http {
namespace {

constexpr std::string_view tool_methods = "POST, OPTIONS";
constexpr std::string_view stream_methods = "GET, HEAD, POST, OPTIONS";
constexpr std::string_view page_methods = "GET, HEAD, OPTIONS";

bool can_be_got(Row const& row) { return row.info.streaming && row.info.effect == Effect::read; }

// A bare result of exactly these members is an answer of its own making.
bool is_raw(Schema const& result) {
  auto const& properties = result.properties();
  auto const has = [&](std::string_view name) {
    return std::any_of(properties.begin(), properties.end(), [&](auto const& one) { return one.name == name; });
  };
  return has("content_type") && has("body") && properties.size() == (has("status") ? 3U : 2U);
}

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    auto const end = path.find('/');
    out.push_back(path.substr(0, end));
    path = end == std::string_view::npos ? std::string_view{} : path.substr(end);
  }
  return out;
}

bool is_parameter(std::string_view segment) { return segment.size() > 2 && segment.front() == '{'; }
std::string_view parameter_name(std::string_view segment) { return segment.substr(1, segment.size() - 2); }

// The value in the type that the schema wants, as JSON text.
std::string typed(Schema const* schema, std::string const& text) {
  if (schema == nullptr || (schema->has_type("string") && !schema->has_type("object"))) return json::quoted(text);
  auto const parsed = json::parse(text);
  if (!parsed) return json::quoted(text);
  auto const& value = parsed->document;
  auto const fits = (value.IsBool() && schema->has_type("boolean")) || (value.IsNull() && schema->has_type("null")) ||
                    (value.IsNumber() && (schema->has_type("number") || schema->has_type("integer"))) ||
                    (value.IsArray() && schema->has_type("array")) || (value.IsObject() && schema->has_type("object"));
  return fits ? text : json::quoted(text);
}

// A list may come as JSON or as several values of one name.
bool wants_list(Schema const* schema) {
  return schema != nullptr && schema->has_type("array") && !schema->has_type("object");
}

}  // namespace

void RouteIndex::build(OperationTable const& table) {
  table_ = &table;
  exact_.clear();
  patterns_.clear();
  auto const path_of = [&](std::string const& text) -> Path& {
    if (text.find('{') == std::string::npos) return exact_[text];
    std::vector<std::string> segments;
    for (auto part : split(text)) segments.emplace_back(part);
    for (auto& pattern : patterns_)
      if (pattern.segments == segments) return pattern.path;
    patterns_.push_back({std::move(segments), {}});
    return patterns_.back().path;
  };
  for (auto const& row : table.rows())
    for (auto const& route : row->info.routes)
      path_of(route.path).own.push_back({row.get(), route.method, route.bare, route.bare && is_raw(row->info.result)});
  auto const finish = [](Path& path) {
    for (auto const& own : path.own) {
      path.allow += own.method + ", ";
      if (own.method == "GET") path.allow += "HEAD, ";
    }
    path.allow += "OPTIONS";
  };
  for (auto& [text, path] : exact_) finish(path);
  for (auto& pattern : patterns_) finish(pattern.path);
}

void RouteIndex::pick(Path const& path, Method method, Target& target) {
  target.allow = path.allow;
  target.kind = Target::Kind::wrong_method;
  auto const wanted = method == Method::head ? Method::get : method;
  for (auto const& own : path.own) {
    if (own.method != name_of(wanted)) continue;
    target.kind = Target::Kind::operation;
    target.row = own.row;
    target.is_own_route = true;
    target.bare = own.bare;
    target.raw = own.raw;
    target.body_is_args = wanted != Method::get;
    return;
  }
}

Target RouteIndex::find(Method method, std::string_view path) const {
  Target target;
  if (path.empty()) return target;
  if (auto const* row = table_->find(path.substr(1))) {
    target.row = row;
    target.allow = can_be_got(*row) ? stream_methods : tool_methods;
    auto const is_get = method == Method::get || method == Method::head;
    target.body_is_args = !is_get;
    target.kind =
        method == Method::post || (is_get && can_be_got(*row)) ? Target::Kind::operation : Target::Kind::wrong_method;
    return target;
  }
  if (auto const found = exact_.find(std::string{path}); found != exact_.end()) {
    pick(found->second, method, target);
    target.is_liveness = path == "/health/live";
    return target;
  }
  auto const is_get = method == Method::get || method == Method::head;
  for (auto const& page : pages()) {
    if (page.path != path) continue;
    target.page = &page;
    target.allow = page_methods;
    target.kind = is_get ? Target::Kind::page : Target::Kind::wrong_method;
    return target;
  }
  if (path == "/" || path == "/docs/") {
    target.allow = page_methods;
    target.kind = is_get ? Target::Kind::redirect : Target::Kind::wrong_method;
    return target;
  }
  auto const segments = split(path);
  for (auto const& pattern : patterns_) {
    if (pattern.segments.size() != segments.size()) continue;
    auto const fits = std::equal(segments.begin(), segments.end(), pattern.segments.begin(),
                                 [](std::string_view have, std::string const& want) {
                                   return is_parameter(want) ? !have.empty() : have == want;
                                 });
    if (!fits) continue;
    pick(pattern.path, method, target);
    for (std::size_t i = 0; i < segments.size(); ++i)
      if (is_parameter(pattern.segments[i]))
        target.parameters.emplace_back(parameter_name(pattern.segments[i]), segments[i]);
    return target;
  }
  return target;
}

bool RouteIndex::is_page(std::string_view path) {
  if (path == "/" || path == "/docs/") return true;
  for (auto const& page : pages())
    if (page.path == path) return true;
  return false;
}

std::optional<std::string> decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      auto const high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

Result<std::string> arguments_of(Schema const& schema, Target const& target, std::string_view query,
                                 std::string_view body) {
  struct Argument {
    std::string name;
    std::vector<std::string> values;
  };
  std::vector<Argument> found;
  auto const add = [&](std::string name, std::string value) {
    for (auto& one : found)
      if (one.name == name) return one.values.push_back(std::move(value));
    found.push_back({std::move(name), {std::move(value)}});
  };
  auto const bad = [](std::string_view where) {
    return Error{Code::invalid_argument,
                 fmt::format("a % in the {} must be followed by two hexadecimal digits", where)};
  };
  for (auto const& [name, value] : target.parameters) {
    auto text = decoded(value, false);
    if (!text) return bad("path");
    add(std::string{name}, std::move(*text));
  }
  while (!query.empty()) {
    auto const end = query.find('&');
    auto const pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    if (pair.empty()) continue;
    auto const equals = pair.find('=');
    auto name = decoded(pair.substr(0, equals), true);
    auto value = decoded(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1), true);
    if (!name || !value) return bad("query");
    add(std::move(*name), std::move(*value));
  }
  std::string members;
  for (auto const& [name, values] : found) {
    auto const* property = schema.find(name);
    auto const* type = property == nullptr ? nullptr : &property->schema;
    if (!members.empty()) members += ',';
    members += json::quoted(name) + ':';
    if (wants_list(type) && (values.size() > 1 || !values.front().starts_with('['))) {
      members += '[';
      for (std::size_t i = 0; i < values.size(); ++i) members += (i > 0 ? "," : "") + typed(type->items(), values[i]);
      members += ']';
    } else if (values.size() > 1) {
      return Error{Code::invalid_argument, "the argument stands there twice", json::pointer_token(name)};
    } else {
      members += typed(type, values.front());
    }
  }
  auto const first = body.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "{" + members + "}";
  if (members.empty() || body[first] != '{') return std::string{body};
  // The body's members follow ours; one that stands in both is refused as a duplicate key.
  auto const next = body.find_first_not_of(" \t\r\n", first + 1);
  auto const is_empty = next != std::string_view::npos && body[next] == '}';
  return "{" + members + (is_empty ? "" : ",") + std::string{body.substr(first + 1)};
}

}  // namespace patchbay::http
