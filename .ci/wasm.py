"""Runs a program for WebAssembly's system interface under wasmtime, as `cargo test` calls it: python3 .ci/wasm.py PROGRAM [ARGUMENT …]

It sees the folder that it is run in and, under its own name, the repository. Needs the package wasmtime."""

import os
import sys
from pathlib import Path

from wasmtime import Engine, ExitTrap, Linker, Module, Store, WasiConfig

system = WasiConfig()
system.argv = sys.argv[1:]
system.env = os.environ.items()
system.inherit_stdin()
system.inherit_stdout()
system.inherit_stderr()
system.preopen_dir(".", ".")
repository = str(Path(__file__).resolve().parent.parent)
system.preopen_dir(repository, repository)

engine = Engine()
store = Store(engine)
store.set_wasi(system)
linker = Linker(engine)
linker.define_wasi()
program = linker.instantiate(store, Module.from_file(engine, sys.argv[1]))
try:
    program.exports(store)["_start"](store)
except ExitTrap as end:
    sys.exit(end.code)
