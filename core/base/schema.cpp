#include "core/base/schema.hpp"

#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "core/base/nearest.hpp"

namespace patchbay {
namespace {

enum Type : unsigned {
  t_null = 1,
  t_boolean = 2,
  t_integer = 4,
  t_number = 8,
  t_string = 16,
  t_array = 32,
  t_object = 64
};
struct TypeName {
  std::string_view name, words;
  unsigned bit;
};
constexpr TypeName type_names[] = {
    {"null", "null", t_null},          {"boolean", "a boolean", t_boolean}, {"integer", "an integer", t_integer},
    {"number", "a number", t_number},  {"string", "a string", t_string},    {"array", "an array", t_array},
    {"object", "an object", t_object},
};
unsigned bit_named(std::string_view name) {
  for (auto const& row : type_names)
    if (row.name == name) return row.bit;
  return 0;
}
unsigned bits_of(json::Value const& value) {
  switch (value.GetType()) {
    case rapidjson::kNullType: return t_null;
    case rapidjson::kFalseType:
    case rapidjson::kTrueType: return t_boolean;
    case rapidjson::kObjectType: return t_object;
    case rapidjson::kArrayType: return t_array;
    case rapidjson::kStringType: return t_string;
    case rapidjson::kNumberType: return value.IsInt64() || value.IsUint64() ? (t_integer | t_number) : t_number;
  }
  return 0;
}

constexpr std::string_view known_words[] = {
    "type",     "properties", "required",         "enum",      "items",   "additionalProperties",
    "minimum",  "maximum",    "minLength",        "maxLength", "default", "description",
    "examples", "x-aliases",  "x-required-one-of"};

std::string number_text(double number) {
  if (number == std::floor(number) && std::abs(number) < 1e15)
    return fmt::format("{}", static_cast<std::int64_t>(number));
  return fmt::format("{}", number);
}

std::string shortened(std::string text) {
  constexpr std::size_t most = 80;
  if (text.size() <= most) return text;
  auto cut = most;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;  // not inside a character
  text.resize(cut);
  return text + "...";
}

Error bad_schema(std::string const& pointer, std::string message) {
  return Error{Code::invalid_argument, "schema: " + std::move(message), pointer};
}

Result<std::vector<std::string>> string_list(json::Value const& value, std::string const& pointer) {
  std::vector<std::string> out;
  if (!value.IsArray()) return bad_schema(pointer, "must be a list of strings");
  for (auto const& item : value.GetArray()) {
    if (!item.IsString()) return bad_schema(pointer, "must be a list of strings");
    out.emplace_back(json::text_of(item));
  }
  return out;
}

}  // namespace

// Where the validator stands, as a chain on the stack; the pointer is built only for an error.
struct Schema::Path {
  Path const* parent;
  std::string_view name;
  std::size_t index;
  bool is_index;

  static std::string pointer(Path const* path) {
    if (path == nullptr) return {};
    return pointer(path->parent) +
           (path->is_index ? "/" + std::to_string(path->index) : json::pointer_token(path->name));
  }
};

class Schema::Collector {
 public:
  Collector(std::size_t limit, std::string_view what) : limit_(limit), what_(what) {}
  // False when the validator shall stop.
  bool add(Path const* path, std::string message) {
    found.push_back(Error{Code::invalid_argument, std::move(message), Path::pointer(path)});
    return !full();
  }
  bool full() const { return found.size() >= limit_; }
  std::string_view what() const { return what_; }
  std::vector<Error> found;

 private:
  std::size_t limit_;
  std::string_view what_;
};

Result<Schema> Schema::compile(std::string_view text) {
  auto parsed = json::parse(text);
  if (!parsed) return parsed.error();
  auto schema = build(parsed->document, "");
  if (schema) schema->text_ = std::string{text};
  return schema;
}

Result<Schema> Schema::build(json::Value const& value, std::string const& pointer) {
  Schema out;
  if (!value.IsObject()) return bad_schema(pointer, "must be an object");
  std::vector<std::string> required;
  for (auto const& member : value.GetObject()) {
    auto const word = json::text_of(member.name);
    auto const& v = member.value;
    auto const at = pointer + json::pointer_token(word);
    if (word == "type") {
      if (v.IsString()) {
        out.types_ = bit_named(json::text_of(v));
        if (out.types_ == 0) return bad_schema(at, fmt::format("\"{}\" is no type", json::text_of(v)));
      } else {
        auto names = string_list(v, at);
        if (!names) return names.error();
        for (auto const& name : *names) {
          if (bit_named(name) == 0) return bad_schema(at, fmt::format("\"{}\" is no type", name));
          out.types_ |= bit_named(name);
        }
      }
    } else if (word == "properties") {
      if (!v.IsObject()) return bad_schema(at, "must be an object");
      out.has_properties_ = true;
      for (auto const& property : v.GetObject()) {
        auto const inner_at = at + json::pointer_token(json::text_of(property.name));
        auto inner = build(property.value, inner_at);
        if (!inner) return inner.error();
        Property one{std::string{json::text_of(property.name)}, std::move(*inner), false, {}};
        if (auto const* aliases = json::find(property.value, "x-aliases")) {
          auto list = string_list(*aliases, inner_at + "/x-aliases");
          if (!list) return list.error();
          one.aliases = std::move(*list);
        }
        out.properties_.push_back(std::move(one));
      }
    } else if (word == "required") {
      auto list = string_list(v, at);
      if (!list) return list.error();
      required = std::move(*list);
    } else if (word == "enum") {
      if (!v.IsArray() || v.Empty()) return bad_schema(at, "must be a list that is not empty");
      for (auto const& item : v.GetArray()) out.enum_.push_back(json::to_text(item));
    } else if (word == "items" || word == "additionalProperties") {
      auto inner = build(v, at);
      if (!inner) return inner.error();
      (word == "items" ? out.items_ : out.additional_) = std::make_shared<Schema const>(std::move(*inner));
    } else if (word == "minimum" || word == "maximum") {
      if (!v.IsNumber()) return bad_schema(at, "must be a number");
      (word == "minimum" ? out.minimum_ : out.maximum_) = v.GetDouble();
    } else if (word == "minLength" || word == "maxLength") {
      if (!v.IsUint64()) return bad_schema(at, "must be an integer, not negative");
      (word == "minLength" ? out.min_length_ : out.max_length_) = v.GetUint64();
    } else if (word == "default") {
      out.default_ = json::to_text(v);
    } else if (word == "description") {
      if (!v.IsString()) return bad_schema(at, "must be a string");
      out.description_ = std::string{json::text_of(v)};
    } else if (word == "x-required-one-of") {
      auto list = string_list(v, at);
      if (!list) return list.error();
      out.one_of_ = std::move(*list);
    } else if (word != "examples" && word != "x-aliases") {
      return bad_schema(at, fmt::format("unknown word \"{}\"; known: {}", word, fmt::join(known_words, ", ")));
    }
  }
  auto mark = [&](std::string const& name, std::string_view where, bool require) -> std::optional<Error> {
    for (auto& property : out.properties_)
      if (property.name == name) {
        if (require) property.required = true;
        return std::nullopt;
      }
    return bad_schema(pointer + std::string{where}, fmt::format("\"{}\" is not among the properties", name));
  };
  for (auto const& name : required)
    if (auto error = mark(name, "/required", true)) return *error;
  for (auto const& name : out.one_of_)
    if (auto error = mark(name, "/x-required-one-of", false)) return *error;
  return out;
}

Schema::Property const* Schema::find(std::string_view name) const {
  for (auto const& property : properties_)
    if (property.name == name) return &property;
  for (auto const& property : properties_)
    for (auto const& alias : property.aliases)
      if (alias == name) return &property;
  return nullptr;
}

bool Schema::has_type(std::string_view name) const { return types_ == 0 || (types_ & bit_named(name)) != 0; }

std::string Schema::type_words() const {
  if (types_ == 0) return "any JSON";
  std::string out;
  for (auto const& row : type_names)
    if ((types_ & row.bit) != 0 && row.bit != t_null) out += (out.empty() ? "" : " or ") + std::string{row.words};
  if ((types_ & t_null) != 0) out += out.empty() ? "null" : " or null";
  return out;
}

std::optional<Error> Schema::problem(json::Value const& value, std::string_view what) const {
  Collector out{1, what};
  if (accept(value, nullptr, out)) return std::nullopt;
  return std::move(out.found.front());
}

std::vector<Error> Schema::problems(json::Value const& value, std::size_t limit, std::string_view what) const {
  Collector out{limit, what};
  accept(value, nullptr, out);
  return std::move(out.found);
}

// True when nothing was found; stops as soon as the collector has enough.
bool Schema::accept(json::Value const& value, Path const* path, Collector& out) const {
  auto const bits = bits_of(value);
  if (types_ != 0 && (types_ & bits) == 0) {
    out.add(path, fmt::format("must be {}, is {}", type_words(), json::kind_of(value)));
    return false;
  }
  if (!enum_.empty()) {
    auto const text = json::to_text(value);
    if (std::find(enum_.begin(), enum_.end(), text) == enum_.end()) {
      out.add(path, fmt::format("must be one of {}, is {}", fmt::join(enum_, ", "), shortened(text)));
      return false;
    }
  }
  if (value.IsNumber()) {
    auto const number = value.GetDouble();
    if (minimum_ && number < *minimum_) {
      out.add(path, fmt::format("must be at least {}, is {}", number_text(*minimum_), shortened(json::to_text(value))));
      return false;
    }
    if (maximum_ && number > *maximum_) {
      out.add(path, fmt::format("must be at most {}, is {}", number_text(*maximum_), shortened(json::to_text(value))));
      return false;
    }
  } else if (value.IsString() || value.IsArray()) {
    std::uint64_t const length = value.IsString() ? value.GetStringLength() : value.Size();
    auto const unit = value.IsString() ? "bytes" : "items";
    if (min_length_ && length < *min_length_) {
      out.add(path, *min_length_ == 1 ? std::string{"must not be empty"}
                                      : fmt::format("must have at least {} {}, has {}", *min_length_, unit, length));
      return false;
    }
    if (max_length_ && length > *max_length_) {
      out.add(path, fmt::format("must have at most {} {}, has {}", *max_length_, unit, length));
      return false;
    }
    if (value.IsArray() && items_) {
      bool good = true;
      std::size_t index = 0;
      for (auto const& item : value.GetArray()) {
        Path const here{path, {}, index++, true};
        if (items_->accept(item, &here, out)) continue;
        good = false;
        if (out.full()) break;
      }
      return good;
    }
  } else if (value.IsObject()) {
    return accept_object(value, path, out);
  }
  return true;
}

bool Schema::accept_object(json::Value const& value, Path const* path, Collector& out) const {
  bool good = true;
  if (!has_properties_) {
    if (!additional_) return true;
    for (auto const& member : value.GetObject()) {
      Path const here{path, json::text_of(member.name), 0, false};
      if (additional_->accept(member.value, &here, out)) continue;
      good = false;
      if (out.full()) break;
    }
    return good;
  }
  // Properties are few: a bit each for "seen", and a second pass only for what is missing.
  std::uint64_t seen = 0;
  std::size_t next = 0;  // most senders keep the order of the declaration: look there first
  std::vector<bool> many;
  if (properties_.size() > 64) many.resize(properties_.size());
  for (auto const& member : value.GetObject()) {
    auto const name = json::text_of(member.name);
    Path const here{path, name, 0, false};
    auto const* property =
        next < properties_.size() && properties_[next].name == name ? &properties_[next] : find(name);
    if (property == nullptr) {
      good = false;
      std::vector<std::string_view> names;
      for (auto const& known : properties_) names.push_back(known.name);
      auto message =
          properties_.empty()
              ? fmt::format("unknown {} \"{}\"; none is taken here", out.what(), shortened(std::string{name}))
              : fmt::format("unknown {} \"{}\"; {}known: {}", out.what(), shortened(std::string{name}),
                            did_you_mean(name, names), fmt::join(names, ", "));
      if (!out.add(&here, std::move(message))) return false;
      continue;
    }
    auto const index = static_cast<std::size_t>(property - properties_.data());
    next = index + 1;
    bool const twice = many.empty() ? ((seen >> index) & 1U) != 0 : many[index];
    if (twice) {
      good = false;
      if (!out.add(&here, fmt::format("\"{}\" is given twice, once under another name of it", property->name)))
        return false;
    }
    if (many.empty())
      seen |= std::uint64_t{1} << index;
    else
      many[index] = true;
    if (!property->schema.accept(member.value, &here, out)) {
      good = false;
      if (out.full()) return false;
    }
  }
  auto is_seen = [&](std::size_t index) { return many.empty() ? ((seen >> index) & 1U) != 0 : many[index]; };
  for (std::size_t index = 0; index < properties_.size(); ++index) {
    auto const& property = properties_[index];
    if (!property.required || is_seen(index)) continue;
    good = false;
    Path const here{path, property.name, 0, false};
    if (!out.add(&here, fmt::format("the {} \"{}\" is required: {}{}{}", out.what(), property.name,
                                    property.schema.type_words(), property.schema.description_.empty() ? "" : ", ",
                                    property.schema.description_)))
      return false;
  }
  if (!one_of_.empty()) {
    bool any = false;
    for (auto const& name : one_of_) any = any || is_seen(static_cast<std::size_t>(find(name) - properties_.data()));
    if (!any) {
      good = false;
      out.add(path, fmt::format("one of these is required: {}", fmt::join(one_of_, ", ")));
    }
  }
  return good;
}

bool Schema::uses_alias(json::Value const& value) const {
  if (!value.IsObject() || !has_properties_) return false;
  for (auto const& member : value.GetObject()) {
    auto const* property = find(json::text_of(member.name));
    if (property != nullptr && property->name != json::text_of(member.name)) return true;
  }
  return false;
}

std::string Schema::canonical(json::Parsed const& parsed) const {
  std::string out{"{"};
  std::size_t index = 0;
  for (auto const& member : parsed.document.GetObject()) {
    auto const* property = find(json::text_of(member.name));
    if (index > 0) out += ',';
    out += json::quoted(property != nullptr ? std::string_view{property->name} : json::text_of(member.name));
    out += ':';
    out += parsed.slice(index++);
  }
  return out + "}";
}

}  // namespace patchbay
