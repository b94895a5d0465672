// Schema: the one runtime form of an argument or result description, for core and plugins alike, and its validator.
//
//   Result<Schema> schema =
//   Schema::compile(R"({"type":"object","properties":{"text":{"type":"string"}},"required":["text"]})"); if (auto
//   problem = schema->problem(document)) return *problem;   // invalid_argument, JSON pointer, what would be right
//
// The word list is closed: type (also a list), properties, required, enum, items, additionalProperties (a schema: a
// map), minimum, maximum, minLength, maxLength, default, description, examples, x-aliases, x-required-one-of. An object
// with `properties` refuses other members; one without is free. Lengths of strings count bytes, of arrays items.
// Immutable after compile; any thread. Cost: some 20 ns a member.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/json.hpp"

namespace patchbay {

class Schema {
 public:
  struct Property;

  // Errors: invalid_argument with the pointer of the offending word.
  static Result<Schema> compile(std::string_view text);

  // The first thing that is wrong with the value, or nothing. `what` names the members in messages ("argument", "key").
  std::optional<Error> problem(json::Value const& value, std::string_view what = "argument") const;
  // All that is wrong, at most `limit`.
  std::vector<Error> problems(json::Value const& value, std::size_t limit, std::string_view what = "argument") const;

  // True when a member of the top-level object stands under an alias, so that a reader that knows only names needs
  // canonical().
  bool uses_alias(json::Value const& value) const;
  // The object with aliases replaced by names, other bytes kept.
  std::string canonical(json::Parsed const& parsed) const;

  std::string const& text() const { return text_; }
  std::vector<Property> const& properties() const { return properties_; }
  bool has_type(std::string_view name) const;
  std::string type_words() const;  // "a string or null"
  std::string const& description() const { return description_; }
  std::optional<std::string> const& default_text() const { return default_; }
  std::vector<std::string> const& enum_texts() const { return enum_; }  // each as JSON
  std::optional<double> minimum() const { return minimum_; }
  std::optional<double> maximum() const { return maximum_; }
  std::optional<std::uint64_t> min_length() const { return min_length_; }
  std::optional<std::uint64_t> max_length() const { return max_length_; }
  Schema const* items() const { return items_.get(); }
  std::vector<std::string> const& required_one_of() const { return one_of_; }

  Property const* find(std::string_view name) const;  // by name or alias

 private:
  struct Path;
  class Collector;
  static Result<Schema> build(json::Value const& value, std::string const& pointer);
  bool accept(json::Value const& value, Path const* path, Collector& out) const;
  bool accept_object(json::Value const& value, Path const* path, Collector& out) const;

  unsigned types_ = 0;  // bits; 0: any
  bool has_properties_ = false;
  std::string text_;
  std::string description_;
  std::vector<Property> properties_;
  std::vector<std::string> one_of_;
  std::vector<std::string> enum_;
  std::optional<std::string> default_;
  std::optional<double> minimum_, maximum_;
  std::optional<std::uint64_t> min_length_, max_length_;
  std::shared_ptr<Schema const> items_, additional_;
};

struct Schema::Property {
  std::string name;
  Schema schema;
  bool required = false;
  std::vector<std::string> aliases;
};

}  // namespace patchbay
