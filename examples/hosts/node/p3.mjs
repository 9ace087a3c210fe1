// Node 25 or later with the component for WASI 0.3. A waiting batch does not block the event loop.
//
//     npm install @bytecodealliance/jco @bytecodealliance/preview3-shim
//     npx jco transpile fantail.wasm --name fantail --out-dir fantail
//     node p3.mjs https://example.com/ https://example.org/

import './workarounds-p3.mjs';
import { batch as fantail } from './fantail/fantail.js';

const policy = new fantail.Policy();
policy.setConcurrency(4);
policy.setTimeout(2_000);
const batch = await fantail.Batch.start(policy);
batch.pushUrls(process.argv.slice(2));
for (let outcomes; (outcomes = await batch.next(100)); ) {
  for (const { url, result } of outcomes) {
    console.log(url, result.tag === 'ok' ? result.val.status : result.val.cause);
  }
}
