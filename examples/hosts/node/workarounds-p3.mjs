// Import this before the component. It works around deviations of preview3-shim 0.7 from wasi:http.

import { client, types } from '@bytecodealliance/preview3-shim/http';

// The shim reports a late head as `connection-timeout`, as if nothing had been sent, so that a POST would be sent again.
const { send } = client;
client.send = (request) =>
  send(request).catch((error) => {
    if (error.payload?.tag === 'connection-timeout') error.payload = { tag: 'HTTP-response-timeout' };
    throw error;
  });

// When a body breaks off, the shim throws, and the batch waits forever. The body has to end there, and the trailers have to report why.
const { consumeBody } = types.Response;
types.Response.consumeBody = (response, sent) => {
  const [body, trailers] = consumeBody(response, sent);
  const pieces = body[Symbol.asyncIterator]();
  const next = () => pieces.next().catch(() => ({ done: true }));
  const incomplete = { tag: 'err', val: { tag: 'HTTP-response-incomplete' } };
  return [{ [Symbol.asyncIterator]: () => ({ next, return: () => pieces.return() }) }, trailers.read().catch(() => incomplete)];
};

// When a body is dropped before its end, the shim keeps the connection, and exits the process if that is silent for too long.
const { values } = ReadableStream.prototype;
ReadableStream.prototype.values = function (options) {
  return values.call(this, { ...options, preventCancel: false });
};
