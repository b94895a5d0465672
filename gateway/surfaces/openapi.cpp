#include "gateway/surfaces/openapi.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/base/ascii.hpp"

namespace patchbay {
namespace {

using json::Value;
using json::Writer;

void text_member(Writer& writer, std::string_view key, std::string_view value) {
  json::write_key(writer, key);
  json::write_text(writer, value);
}
void flag_member(Writer& writer, std::string_view key, bool value) {
  json::write_key(writer, key);
  writer.Bool(value);
}

// What our word list means differently: lengths of arrays are items, unknown members are refused, one of several names
// must be there.
class SchemaWriter {
 public:
  SchemaWriter(Writer& writer, bool closed) : writer_(writer), closed_(closed) {}

  void write(Value const& schema) {
    if (!schema.IsObject()) {
      schema.Accept(writer_);
      return;
    }
    auto const is_array = can_be(schema, "array"), is_string = can_be(schema, "string");
    writer_.StartObject();
    for (auto const& member : schema.GetObject()) {
      auto const word = json::text_of(member.name);
      if (word == "minLength" || word == "maxLength") {
        if (is_string) copy(word, member.value);
        if (is_array) copy(word == "minLength" ? "minItems" : "maxItems", member.value);
      } else if (word == "properties") {
        json::write_key(writer_, word);
        writer_.StartObject();
        for (auto const& property : member.value.GetObject()) {
          json::write_key(writer_, json::text_of(property.name));
          write(property.value);
        }
        writer_.EndObject();
      } else if (word == "items" || word == "additionalProperties") {
        json::write_key(writer_, word);
        write(member.value);
      } else if (word == "x-required-one-of") {
        copy(word, member.value);
        json::write_key(writer_, "anyOf");
        writer_.StartArray();
        for (auto const& name : member.value.GetArray()) {
          writer_.StartObject();
          json::write_key(writer_, "required");
          writer_.StartArray();
          name.Accept(writer_);
          writer_.EndArray();
          writer_.EndObject();
        }
        writer_.EndArray();
      } else {
        copy(word, member.value);
      }
    }
    if (closed_ && schema.HasMember("properties")) flag_member(writer_, "additionalProperties", false);
    writer_.EndObject();
  }

 private:
  static bool can_be(Value const& schema, std::string_view type) {
    auto const* given = json::find(schema, "type");
    if (given == nullptr) return true;
    if (given->IsString()) return json::text_of(*given) == type;
    for (auto const& one : given->GetArray())
      if (json::text_of(one) == type) return true;
    return false;
  }
  void copy(std::string_view key, Value const& value) {
    json::write_key(writer_, key);
    value.Accept(writer_);
  }

  Writer& writer_;
  bool closed_;
};

void write_schema(Writer& writer, Schema const& schema, bool closed) {
  auto const text = json_schema(schema, closed);
  json::write_raw(writer, text);
}

// Statuses that the surface itself may answer any operation with, and what they mean.
struct StatusText {
  std::uint16_t status;
  std::string_view text;
};
constexpr StatusText status_texts[] = {
    {400, "The request or its arguments are wrong; `pointer` says where"},
    {401, "A token is needed, or this one is not known"},
    {403, "Not allowed: by scope, by web origin, or by a policy"},
    {404, "There is no such thing"},
    {408, "The request did not come in time"},
    {409, "In conflict with what is there"},
    {413, "Too large"},
    {414, "The request line is too long"},
    {415, "A body must be application/json in UTF-8"},
    {417, "The expectation is not understood"},
    {421, "The Host is none of ours"},
    {426, "Another WebSocket version is needed"},
    {429, "Too many; try again later"},
    {431, "The header is too large"},
    {499, "Cancelled"},
    {500, "A fault of the gateway; the log knows more under the trace"},
    {501, "Not supported"},
    {502, "The other side failed"},
    {503, "Not available just now; try again"},
    {504, "Not done in time"},
};
constexpr std::uint16_t general_statuses[] = {400, 401, 403, 408, 413, 414, 415, 417,
                                              421, 426, 429, 431, 499, 500, 503, 504};

std::set<std::uint16_t> statuses_of(OperationInfo const& info) {
  std::set<std::uint16_t> out(std::begin(general_statuses), std::end(general_statuses));
  // A plugin's declaration does not say which errors it has.
  auto const any = info.owner != "gateway" && info.errors.bits == 0;
  for (auto const& row : code_table)
    if (any || info.errors.has(row.code)) out.insert(row.http_status);
  if (info.reaches_out) out.insert(502);
  return out;
}

std::vector<std::string_view> error_names(OperationInfo const& info) {
  std::vector<std::string_view> out;
  for (auto const& row : code_table)
    if (info.errors.has(row.code)) out.push_back(row.name);
  return out;
}

std::string seconds(std::chrono::milliseconds time) {
  return time.count() % 1000 == 0 ? fmt::format("{} s", time.count() / 1000) : fmt::format("{} ms", time.count());
}

std::string description_of(OperationInfo const& info) {
  auto out = info.summary;
  out += fmt::format("\n\nEffect: {}{}. Scope: `{}`.", name_of(info.effect),
                     info.idempotent && info.effect != Effect::read ? ", safe to repeat" : "", info.scope);
  if (info.reaches_out) out += " Reaches outside of the gateway.";
  if (info.audited) out += " Audited.";
  if (info.streaming)
    out +=
        " Streams events: as server-sent events with `Accept: text/event-stream`, else as one JSON object a line. The "
        "event `end` carries the reply.";
  else
    out += fmt::format(" Time limit: {}{}.", info.timeout_from_args ? "by its argument timeout_ms, else " : "",
                       seconds(info.timeout));
  if (auto const names = error_names(info); !names.empty())
    out += fmt::format("\n\nErrors: {}.", fmt::join(names, ", "));
  return out;
}

class Document {
 public:
  Document(OperationTable const& table, std::string_view version, std::string_view server_url)
      : version_(version), server_url_(server_url) {
    for (auto const& row : table.rows()) rows_.push_back(row.get());
    std::sort(rows_.begin(), rows_.end(), [](Row const* a, Row const* b) { return a->info.tool < b->info.tool; });
  }

  std::string write() {
    writer_.StartObject();
    text_member(writer_, "openapi", "3.1.0");
    write_info();
    json::write_key(writer_, "servers");
    writer_.StartArray();
    writer_.StartObject();
    text_member(writer_, "url", server_url_.empty() ? std::string_view{"/"} : server_url_);
    writer_.EndObject();
    writer_.EndArray();
    write_tags();
    write_paths();
    write_components();
    writer_.EndObject();
    return {buffer_.GetString(), buffer_.GetSize()};
  }

 private:
  void write_info() {
    json::write_key(writer_, "info");
    writer_.StartObject();
    text_member(writer_, "title", "Patchbay");
    text_member(writer_, "version", version_);
    text_member(writer_, "description",
                "Named operations of one gateway. Arguments are one JSON object; unknown ones are refused. Lengths of "
                "strings count bytes of UTF-8. A caller may shorten an operation's time limit with the header "
                "`Patchbay-Timeout-Ms` and pass a W3C `traceparent`, which logs and errors then carry.");
    writer_.EndObject();
  }

  void write_tags() {
    std::map<std::string, std::string> tags;
    for (auto const* row : rows_) tags.emplace(row->info.category, row->info.interface);
    json::write_key(writer_, "tags");
    writer_.StartArray();
    for (auto const& [category, interface] : tags) {
      writer_.StartObject();
      text_member(writer_, "name", category);
      text_member(writer_, "description", fmt::format("Operations of {}", interface));
      writer_.EndObject();
    }
    writer_.EndArray();
  }

  void write_paths() {
    // Several rows may have a route at one path.
    struct Entry {
      Row const* row;
      OperationInfo::OwnRoute const* route;  // null: POST /{tool}, or its GET
      std::string method;
    };
    std::map<std::string, std::vector<Entry>> paths;
    for (auto const* row : rows_) {
      auto& own = paths["/" + row->info.tool];
      own.push_back({row, nullptr, "post"});
      if (row->info.streaming && row->info.effect == Effect::read) own.push_back({row, nullptr, "get"});
      for (auto const& route : row->info.routes) {
        paths[route.path].push_back({row, &route, ascii::lowered(route.method)});
      }
    }
    json::write_key(writer_, "paths");
    writer_.StartObject();
    for (auto const& [path, entries] : paths) {
      json::write_key(writer_, path);
      writer_.StartObject();
      for (auto const& entry : entries) {
        json::write_key(writer_, entry.method);
        write_operation(*entry.row, path, entry.route, entry.method);
      }
      writer_.EndObject();
    }
    writer_.EndObject();
  }

  static std::string operation_id(Row const& row, std::string_view path, bool is_tool_post, std::string_view method) {
    if (is_tool_post) return row.info.tool;
    std::string out{method};
    for (char c : path) {
      auto const is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
      if (is_word)
        out += c;
      else if (out.back() != '_')
        out += '_';
    }
    if (out.back() == '_') out.pop_back();
    return out;
  }

  void write_operation(Row const& row, std::string const& path, OperationInfo::OwnRoute const* route,
                       std::string const& method) {
    auto const& info = row.info;
    auto const is_get = method == "get";
    writer_.StartObject();
    text_member(writer_, "operationId", operation_id(row, path, route == nullptr && !is_get, method));
    text_member(writer_, "summary", info.summary);
    text_member(writer_, "description", description_of(info));
    json::write_key(writer_, "tags");
    writer_.StartArray();
    json::write_text(writer_, info.category);
    writer_.EndArray();
    write_parameters(info, path, is_get);
    if (!is_get) write_body(info, path);
    write_responses(info, route);
    write_security(info);
    write_extensions(info);
    writer_.EndObject();
  }

  // A token is needed, may be needed (anonymous callers have some scopes where there are no tokens), or is not.
  void write_security(OperationInfo const& info) {
    json::write_key(writer_, "security");
    constexpr std::string_view needed = R"([{"bearer":[]}])", perhaps = R"([{"bearer":[]},{}])", open = "[]";
    json::write_raw(writer_, info.scope == "admin" ? needed : info.scope == "public" ? open : perhaps);
  }

  static std::vector<std::string> path_parameters(std::string const& path) {
    std::vector<std::string> out;
    for (auto at = path.find('{'); at != std::string::npos; at = path.find('{', at + 1))
      out.push_back(path.substr(at + 1, path.find('}', at) - at - 1));
    return out;
  }

  void write_parameters(OperationInfo const& info, std::string const& path, bool is_get) {
    auto const in_path = path_parameters(path);
    auto const is_in_path = [&](std::string const& name) {
      return std::find(in_path.begin(), in_path.end(), name) != in_path.end();
    };
    bool begun = false;
    for (auto const& property : info.args.properties()) {
      if (!is_get && !is_in_path(property.name)) continue;
      if (!begun) {
        json::write_key(writer_, "parameters");
        writer_.StartArray();
        begun = true;
      }
      writer_.StartObject();
      text_member(writer_, "name", property.name);
      text_member(writer_, "in", is_in_path(property.name) ? "path" : "query");
      flag_member(writer_, "required", property.required || is_in_path(property.name));
      if (!property.schema.description().empty()) text_member(writer_, "description", property.schema.description());
      write_parameter_schema(info, property);
      writer_.EndObject();
    }
    if (begun) writer_.EndArray();
  }

  void write_parameter_schema(OperationInfo const& info, Schema::Property const& property) {
    // The property's own text is a part of the whole one.
    auto const parsed = json::parse(info.args.text());
    auto const* properties = parsed ? json::find(parsed->document, "properties") : nullptr;
    auto const* value = properties == nullptr ? nullptr : json::find(*properties, property.name);
    auto const write = [&] {
      json::write_key(writer_, "schema");
      if (value == nullptr) {
        writer_.Bool(true);
      } else {
        SchemaWriter{writer_, true}.write(*value);
      }
    };
    if (!property.schema.has_type("object")) return write();
    json::write_key(writer_, "content");
    writer_.StartObject();
    writer_.Key("application/json");
    writer_.StartObject();
    write();
    writer_.EndObject();
    writer_.EndObject();
  }

  void write_body(OperationInfo const& info, std::string const& path) {
    auto const in_path = path_parameters(path);
    auto const& properties = info.args.properties();
    auto const needed = std::any_of(properties.begin(), properties.end(), [&](Schema::Property const& one) {
      return one.required && std::find(in_path.begin(), in_path.end(), one.name) == in_path.end();
    });
    json::write_key(writer_, "requestBody");
    writer_.StartObject();
    flag_member(writer_, "required", needed || !info.args.required_one_of().empty());
    json::write_key(writer_, "content");
    writer_.StartObject();
    writer_.Key("application/json");
    writer_.StartObject();
    json::write_key(writer_, "schema");
    if (in_path.empty())
      write_schema(writer_, info.args, true);
    else
      write_body_without(info, in_path);
    if (!info.example.empty() && json::check(info.example)) {
      json::write_key(writer_, "example");
      json::write_raw(writer_, info.example);
    }
    writer_.EndObject();
    writer_.EndObject();
    writer_.EndObject();
  }

  // The argument schema less what stands in the path.
  void write_body_without(OperationInfo const& info, std::vector<std::string> const& names) {
    auto parsed = json::parse(info.args.text());
    auto& document = parsed->document;
    auto const is_named = [&](Value const& name) {
      return std::find(names.begin(), names.end(), json::text_of(name)) != names.end();
    };
    if (auto properties = document.FindMember("properties"); properties != document.MemberEnd())
      for (auto const& name : names) properties->value.RemoveMember(name.c_str());
    if (auto required = document.FindMember("required"); required != document.MemberEnd()) {
      auto& list = required->value;
      for (auto* at = list.Begin(); at != list.End();) at = is_named(*at) ? list.Erase(at) : at + 1;
    }
    SchemaWriter{writer_, true}.write(document);
  }

  void write_responses(OperationInfo const& info, OperationInfo::OwnRoute const* route) {
    json::write_key(writer_, "responses");
    writer_.StartObject();
    writer_.Key("200");
    writer_.StartObject();
    text_member(writer_, "description", info.streaming ? "The events, as they come" : "Done");
    json::write_key(writer_, "content");
    writer_.StartObject();
    if (info.streaming)
      write_stream_content();
    else if (route != nullptr && route->bare)
      write_bare_content(info);
    else
      write_envelope_content(info);
    writer_.EndObject();
    writer_.EndObject();
    if (info.streaming) {
      writer_.Key("204");
      writer_.StartObject();
      text_member(writer_, "description", "Last-Event-ID names the end of a stream: nothing more comes");
      writer_.EndObject();
    }
    for (auto const status : statuses_of(info)) {
      json::write_key(writer_, std::to_string(status));
      writer_.StartObject();
      text_member(writer_, "$ref", fmt::format("#/components/responses/status_{}", status));
      writer_.EndObject();
    }
    writer_.EndObject();
  }

  void write_stream_content() {
    for (auto const* type : {"text/event-stream", "application/x-ndjson"}) {
      writer_.Key(type);
      writer_.StartObject();
      json::write_key(writer_, "schema");
      writer_.StartObject();
      text_member(writer_, "type", "string");
      writer_.EndObject();
      writer_.EndObject();
    }
  }

  void write_bare_content(OperationInfo const& info) {
    auto const* type = info.result.find("content_type");
    auto const raw = type != nullptr && info.result.find("body") != nullptr;
    if (!raw) {
      writer_.Key("application/json");
      writer_.StartObject();
      json::write_key(writer_, "schema");
      write_schema(writer_, info.result, false);
      writer_.EndObject();
      return;
    }
    // The operation names its content type itself; its schema may list those that there are.
    std::vector<std::string> types;
    for (auto const& text : type->schema.enum_texts())
      if (auto parsed = json::parse(text); parsed && parsed->document.IsString())
        types.emplace_back(json::text_of(parsed->document));
    if (types.empty()) types.emplace_back("*/*");
    for (auto const& one : types) {
      json::write_key(writer_, one);
      writer_.StartObject();
      writer_.EndObject();
    }
  }

  void write_envelope_content(OperationInfo const& info) {
    writer_.Key("application/json");
    writer_.StartObject();
    json::write_key(writer_, "schema");
    writer_.StartObject();
    text_member(writer_, "type", "object");
    json::write_key(writer_, "required");
    writer_.StartArray();
    writer_.String("status");
    writer_.String("data");
    writer_.EndArray();
    json::write_key(writer_, "properties");
    writer_.StartObject();
    json::write_key(writer_, "status");
    writer_.StartObject();
    text_member(writer_, "const", "success");
    writer_.EndObject();
    json::write_key(writer_, "message");
    writer_.StartObject();
    text_member(writer_, "type", "string");
    writer_.EndObject();
    json::write_key(writer_, "data");
    write_schema(writer_, info.result, false);
    writer_.EndObject();
    writer_.EndObject();
    writer_.EndObject();
  }

  void write_extensions(OperationInfo const& info) {
    text_member(writer_, "x-patchbay-interface", info.interface);
    text_member(writer_, "x-patchbay-operation", info.name);
    text_member(writer_, "x-patchbay-owner", info.owner);
    text_member(writer_, "x-patchbay-effect", name_of(info.effect));
    text_member(writer_, "x-patchbay-scope", info.scope);
    if (!info.aliases.empty()) {
      json::write_key(writer_, "x-patchbay-aliases");
      writer_.StartArray();
      for (auto const& alias : info.aliases) json::write_text(writer_, alias);
      writer_.EndArray();
    }
    flag_member(writer_, "x-patchbay-idempotent", info.idempotent);
    flag_member(writer_, "x-patchbay-streaming", info.streaming);
    flag_member(writer_, "x-patchbay-reaches-out", info.reaches_out);
    flag_member(writer_, "x-patchbay-audited", info.audited);
    json::write_key(writer_, "x-patchbay-timeout-ms");
    writer_.Int64(info.timeout.count());
    if (info.streaming) {  // in the event `end`
      json::write_key(writer_, "x-patchbay-result");
      write_schema(writer_, info.result, false);
    }
    json::write_key(writer_, "x-patchbay-errors");
    writer_.StartArray();
    for (auto const name : error_names(info)) json::write_text(writer_, name);
    writer_.EndArray();
  }

  void write_components() {
    json::write_key(writer_, "components");
    writer_.StartObject();
    json::write_key(writer_, "securitySchemes");
    writer_.StartObject();
    json::write_key(writer_, "bearer");
    writer_.StartObject();
    text_member(writer_, "type", "http");
    text_member(writer_, "scheme", "bearer");
    text_member(writer_, "description",
                "A token of the gateway (`patchbay token new`). On a loopback address and while no token is "
                "configured, many operations answer without one.");
    writer_.EndObject();
    writer_.EndObject();
    json::write_key(writer_, "schemas");
    writer_.StartObject();
    json::write_key(writer_, "Error");
    write_error_schema();
    writer_.EndObject();
    json::write_key(writer_, "responses");
    writer_.StartObject();
    for (auto const& [status, text] : status_texts) write_error_response(status, text);
    writer_.EndObject();
    writer_.EndObject();
  }

  void write_error_schema() {
    std::vector<std::string> names;
    for (auto const& row : code_table) names.push_back(json::quoted(row.name));
    auto const text = fmt::format(
        R"({{"type":"object","required":["status","error"],"properties":{{"status":{{"const":"error"}},"error":)"
        R"({{"type":"object","required":["code","message","pointer","retryable","trace"],"properties":{{)"
        R"("code":{{"enum":[{}]}},"message":{{"type":"string","description":"What was wrong and what would be right"}},)"
        R"("pointer":{{"type":"string","description":"JSON pointer into the arguments, or empty"}},)"
        R"("retryable":{{"type":"boolean"}},"retry_after_ms":{{"type":"integer","minimum":1}},)"
        R"("trace":{{"type":"string","description":"Under which the log has more"}}}}}}}}}})",
        fmt::join(names, ","));
    json::write_raw(writer_, text);
  }

  void write_error_response(std::uint16_t status, std::string_view text) {
    json::write_key(writer_, fmt::format("status_{}", status));
    writer_.StartObject();
    text_member(writer_, "description", text);
    if (status == 429 || status == 503) {
      constexpr std::string_view headers =
          R"({"Retry-After":{"description":"Seconds","schema":{"type":"integer","minimum":1}}})";
      json::write_key(writer_, "headers");
      json::write_raw(writer_, headers);
    }
    constexpr std::string_view content = R"({"application/json":{"schema":{"$ref":"#/components/schemas/Error"}}})";
    json::write_key(writer_, "content");
    json::write_raw(writer_, content);
    writer_.EndObject();
  }

  std::vector<Row const*> rows_;
  std::string_view version_, server_url_;
  json::Buffer buffer_;
  Writer writer_{buffer_};
};

}  // namespace

std::string json_schema(Schema const& schema, bool closed) {
  auto const parsed = json::parse(schema.text());
  if (!parsed) return "true";
  json::Buffer buffer;
  Writer writer{buffer};
  SchemaWriter{writer, closed}.write(parsed->document);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string openapi_document(OperationTable const& table, std::string_view version, std::string_view server_url) {
  return Document{table, version, server_url}.write();
}

}  // namespace patchbay
