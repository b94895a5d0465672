# shellcheck shell=bash
# What the scripts share; sourced, never run. Messages for people go to standard error.

root=$(cd -P "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/patchbay
export NINJA_STATUS=${NINJA_STATUS:-'[%f/%t, %e s] '}

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
now_ms() { local t=$EPOCHREALTIME; echo $(( ${t%[.,]*} * 1000 + 10#${t##*[.,]} / 1000 )); }
seconds_since() { local d=$(( $(now_ms) - $1 )); printf '%d.%d' $((d / 1000)) $((d % 1000 / 100)); }

# The system's Python, so that a clone behaves the same whether or not another one comes first on PATH.
python() {
  local python=${PATCHBAY_PYTHON:-/usr/bin/python3}
  [ -x "$python" ] || python=$(command -v python3) || die "no python3 here; scripts/packages test installs it"
  printf '%s\n' "$python"
}

# stage NAME COMMAND...: one line with the time taken; what the command says is kept in a file and shown when it fails.
# A build that finds nothing to do is not worth a line.
stage() {
  local name=$1 start log code=0; shift
  start=$(now_ms)
  mkdir -p "$cache/logs"
  log=$cache/logs/${name//[^a-zA-Z0-9]/-}.$$.log
  "$@" >"$log" 2>&1 </dev/null || code=$?
  if [ "$code" != 0 ]; then
    if grep -q '^FAILED: ' "$log"; then  # of a build, what failed first
      sed -n '/^FAILED: /,$p' "$log" | grep -v '^\[' | cut -c1-600 | head -n 60 >&2
    else
      tail -n 60 "$log" >&2
    fi
    say "$name failed after $(seconds_since "$start") s (exit code $code; all of it: $log)"
    return "$code"
  fi
  grep -q '^ninja: no work to do' "$log" || said "$name" "$start"
  rm -f "$log"
}
said() { say "$(printf '%-34s %7s s' "$1" "$(seconds_since "$2")")"; }

# configure PRESET: runs CMake when there is nothing to build with yet; later ninja itself sees what changed.
configure() {
  local preset=$1 folder=$root/build/$1 options=() clang
  if [ -f "$folder/build.ninja" ] && [ "$folder/build.ninja" -nt "$root/CMakePresets.json" ]; then return; fi
  if [ "$preset" = fuzz ]; then
    clang=$("$root/scripts/packages" --clang)
    options=(-D "CMAKE_CXX_COMPILER=$clang" -D "CMAKE_C_COMPILER=${clang/++/}")
  fi
  stage "configure $preset" cmake -S "$root" --preset "$preset" "${options[@]}"
}

# build_jobs: how many compilers run at once: one a processor (more are no faster), but each may want 2.5 GB of memory.
build_jobs() {
  local processors memory
  processors=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 2500000) }' /proc/meminfo)
  echo $((memory < 1 ? 1 : memory < processors ? memory : processors))
}

# build PRESET [TARGET...]: ninja's own progress line on a terminal, else one line at the end.
build() {
  local preset=$1 folder=$root/build/$1 start; shift
  start=$(now_ms)
  configure "$preset"
  if [ -t 1 ] && [ -t 2 ]; then
    ninja -j "$(build_jobs)" -C "$folder" "$@" >&2 || die "the $preset build failed"
    said "build $preset" "$start"
  else
    stage "build $preset" ninja -j "$(build_jobs)" -C "$folder" "$@"
  fi
}
