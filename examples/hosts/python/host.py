"""Python with the component for WASI 0.2, through wasmtime-py, which implements wasi:http but not yet WASI 0.3.

    pip install wasmtime
    python host.py fantail-p2.wasm https://example.com/ https://example.org/
"""

import sys
from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker

path, *urls = sys.argv[1:]
engine = Engine()
store = Store(engine)
store.set_wasi(WasiConfig())
store.set_wasi_http()
linker = Linker(engine)
linker.add_wasip2()
linker.add_wasi_http()
instance = linker.instantiate(store, Component.from_file(engine, path))
interface = instance.get_export_index(store, "fantail:fetch-p2/batch@0.1.0")


def call(name, *arguments):
    return instance.get_func(store, instance.get_export_index(store, name, interface))(store, *arguments)


policy = call("[constructor]policy")
call("[method]policy.set-concurrency", policy, 4)
call("[method]policy.set-timeout", policy, 2_000)
batch = call("[static]batch.start", policy)
call("[method]batch.push-urls", batch, urls)
while outcomes := call("[method]batch.next", batch, 100):
    for outcome in outcomes:
        result = outcome.result
        print(outcome.url, result.payload.status if result.tag == "ok" else result.payload.cause)
