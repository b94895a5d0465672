#include "plugins/home_assistant/yaml_documents.hpp"

#include <yaml-cpp/eventhandler.h>

#include <sstream>

namespace patchbay::home_assistant {
namespace {

// Sees where documents begin; the rest is of no interest.
class DocumentStarts final : public YAML::EventHandler {
 public:
  YAML::Mark newest = YAML::Mark::null_mark();

  void OnDocumentStart(YAML::Mark const& mark) override { newest = mark; }
  void OnDocumentEnd() override {}
  void OnNull(YAML::Mark const&, YAML::anchor_t) override {}
  void OnAlias(YAML::Mark const&, YAML::anchor_t) override {}
  void OnScalar(YAML::Mark const&, std::string const&, YAML::anchor_t, std::string const&) override {}
  void OnSequenceStart(YAML::Mark const&, std::string const&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(YAML::Mark const&, std::string const&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

}  // namespace

std::vector<YAML::Node> yaml_documents(std::string const& text) {
  std::istringstream stream{text};
  YAML::Parser parser{stream};
  DocumentStarts starts;
  for (int before = -1; parser.HandleNextDocument(starts); before = starts.newest.pos)
    if (starts.newest.pos <= before) throw YAML::ParserException{starts.newest, R"(a ",", "]" or "}" out of place)"};
  return YAML::LoadAll(text);
}

}  // namespace patchbay::home_assistant
