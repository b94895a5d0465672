// The program `patchbay`.
#include "gateway/cli/cli.hpp"

int main(int argc, char** argv) { return patchbay::cli::run(argc, argv); }
