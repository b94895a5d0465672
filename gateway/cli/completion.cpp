#include "gateway/cli/completion.hpp"

namespace patchbay::cli {

std::string bash_completion() {
  return R"bash(# bash completion of patchbay: source <(patchbay completion bash)
_patchbay() {
  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} tool=${COMP_WORDS[2]}
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "serve call listen operations describe plugins token check-config completion version --help --version" -- "$word"))
    return
  fi
  case $command in
    call)
      if ((COMP_CWORD == 2)); then
        local tools
        tools=$(patchbay operations 2>/dev/null | grep -o '"tool":"[^"]*"' | cut -d'"' -f4)
        COMPREPLY=($(compgen -W "$tools --local --url --json" -- "$word"))
      elif [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$(patchbay call "$tool" --help 2>/dev/null | grep -o '^  --[a-z_]*') --help" -- "$word"))
      fi ;;
    serve)
      if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --config ]]; then COMPREPLY=($(compgen -f -- "$word"))
      else COMPREPLY=($(compgen -W "--config --listen --plugins --insecure --help" -- "$word")); fi ;;
    listen)
      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "--count --recover --url --json --help" -- "$word"))
      elif ((COMP_CWORD == 2)); then COMPREPLY=($(compgen -W "missions agents system tasks audit metrics" -- "$word")); fi ;;
    describe) COMPREPLY=($(compgen -W "openapi markdown --local --url --help" -- "$word")) ;;
    plugins) COMPREPLY=($(compgen -W "list info load replace unload reload-all --local --url --json --help" -- "$word")) ;;
    token) COMPREPLY=($(compgen -W "new --id --scope --json --help" -- "$word")) ;;
    check-config) COMPREPLY=($(compgen -f -- "$word")) ;;
    completion) COMPREPLY=($(compgen -W "bash" -- "$word")) ;;
    operations) COMPREPLY=($(compgen -W "--local --url --json --help" -- "$word")) ;;
  esac
}
complete -F _patchbay patchbay
)bash";
}

}  // namespace patchbay::cli
