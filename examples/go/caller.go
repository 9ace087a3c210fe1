// Package export_wit_world fetches URLs, four at a time, and returns for each its status or the cause of its failure.
//
//	wit-bindgen go --world caller wit && cp caller.go export_wit_world
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w -checklinkname=0' -o core.wasm .
//	wasm-tools component embed --world caller wit core.wasm -o core.wasm
//	wasm-tools component new --adapt wasi_snapshot_preview1.reactor.wasm core.wasm -o caller.wasm
//	wac plug --plug fantail-p2.wasm caller.wasm -o composed.wasm
//	wasmtime run -Shttp --invoke 'run(["https://example.com/"])' composed.wasm
package export_wit_world

import (
	"fmt"
	"wit_component/fantail_fetch_p2_batch"

	. "go.bytecodealliance.org/pkg/wit/types"
)

func Run(urls []string) (lines []string) {
	policy := fantail_fetch_p2_batch.MakePolicy()
	policy.SetConcurrency(4)
	policy.SetTimeout(2_000)
	batch := fantail_fetch_p2_batch.BatchStart(Some(policy)).Ok()
	defer batch.Drop()
	batch.PushUrls(urls)
	for {
		outcomes := batch.Next(100)
		if outcomes.IsNone() {
			return
		}
		for _, outcome := range outcomes.Some() {
			if result := outcome.Result; result.IsOk() {
				lines = append(lines, fmt.Sprint(outcome.Url, " ", result.Ok().Status))
			} else {
				lines = append(lines, fmt.Sprint(outcome.Url, " ", result.Err().Cause))
			}
		}
	}
}
