// Node with the component for WASI 0.2. A waiting batch blocks its whole thread, so run it in a worker.
//
//     npm install @bytecodealliance/jco @bytecodealliance/preview2-shim
//     npx jco transpile fantail-p2.wasm --name fantail --out-dir fantail-p2
//     node p2.mjs https://example.com/ https://example.org/

import './workarounds-p2.mjs';
import { batch as fantail } from './fantail-p2/fantail.js';

const policy = new fantail.Policy();
policy.setConcurrency(4);
policy.setTimeout(2_000);
const batch = fantail.Batch.start(policy);
batch.pushUrls(process.argv.slice(2));
for (let outcomes; (outcomes = batch.next(100)); ) {
  for (const { url, result } of outcomes) {
    console.log(url, result.tag === 'ok' ? result.val.status : result.val.cause);
  }
}
