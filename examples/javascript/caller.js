// Fetches URLs, four at a time, and returns for each its status or the cause of its failure.
//
//     npm install @bytecodealliance/jco
//     mkdir -p wit/deps && cp -r ../../wit/fetch-p2 ../../wit/fetch-p2/deps/io wit/deps
//     npx jco componentize caller.js --wit wit --world-name caller --out caller.wasm
//     wac plug --plug fantail-p2.wasm caller.wasm -o composed.wasm
//     wasmtime run -Shttp --invoke 'run(["https://example.com/"])' composed.wasm

import { Batch, Policy } from 'fantail:fetch-p2/batch@0.1.0';

export function run(urls) {
  const policy = new Policy();
  policy.setConcurrency(4);
  policy.setTimeout(2_000);
  const batch = Batch.start(policy);
  batch.pushUrls(urls);
  const lines = [];
  for (let outcomes; (outcomes = batch.next(100)); ) {
    for (const { url, result } of outcomes) {
      lines.push(`${url} ${result.tag === 'ok' ? result.val.status : result.val.cause}`);
    }
  }
  return lines;
}
