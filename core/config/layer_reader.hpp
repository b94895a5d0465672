// LayerReader: holds the tree of one source against the table of keys and puts what is right into a Layer.
//
//   LayerReader reader{layer, &environment, problems, false};
//   reader.group(root_branch(), *root, "");
//
// Everything wrong becomes a Problem with line and path, and is left out of the layer. For one thread; made for one
// tree.
#pragma once

#include "core/config/layer.hpp"

namespace patchbay::config {

// The branch of a leaf, "plugins.echo" too; null where there is none.
Branch const* leaf_branch(std::string_view leaf);

class LayerReader {
 public:
  LayerReader(Layer& layer, Environment const* environment, Problems& problems, bool commas)
      : layer_(layer), environment_(environment), problems_(problems), commas_(commas) {}

  // All members of a section.
  void group(Branch const& branch, Node const& node, std::string const& path);

  // The value as JSON text, checked against its key; nothing when it is wrong, which is among the problems then.
  std::optional<std::string> value(Branch const& branch, Node const& node, std::string const& path);
  // The same for settings whose form only their owner knows.
  std::optional<std::string> free_value(Node const& node, std::string const& path);
  // The leaf that the next value is a part of.
  void set_leaf(std::string leaf) { leaf_ = std::move(leaf); }
  void wrong(std::string const& path, int line, std::string reason);

 private:
  void leaf(Branch const& branch, Node const& node, std::string const& path);
  void unknown(Branch const& branch, Member const& member, std::string const& path, std::string const& at);

  // The text of a scalar with ${...} replaced; nothing after a problem.
  std::optional<std::string> text_of(Node const& node, std::string const& path);
  bool mismatch(Key const& key, Node const& node, std::string const& path, std::string_view right);
  bool in_range(Key const& key, double value, Node const& node, std::string const& path, std::string_view unit);

  // A part of a larger value; null where it is wrong, since the writer needs something after a key.
  bool nested(Branch const& branch, Node const& node, std::string const& path, json::Writer& writer);
  bool write(Branch const& branch, Node const& node, std::string const& path, json::Writer& writer);
  bool write_scalar(Key const& key, Node const& node, std::string const& path, json::Writer& writer);
  bool write_text(Key const& key, Node const& node, std::string const& path, json::Writer& writer);
  bool write_list(Branch const& branch, Node const& given, std::string const& path, json::Writer& writer);
  bool write_map(Branch const& branch, Node const& node, std::string const& path, json::Writer& writer);
  bool write_object(Branch const& branch, Node const& node, std::string const& path, json::Writer& writer);
  bool write_free(Node const& node, std::string const& path, json::Writer& writer);

  Layer& layer_;
  Environment const* environment_;
  Problems& problems_;
  bool commas_;
  std::string leaf_;
};

}  // namespace patchbay::config
