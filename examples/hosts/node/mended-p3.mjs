// Import this before the component: it mends where preview3-shim 0.7 does otherwise than wasi:http says.

import { client, types } from '@bytecodealliance/preview3-shim/http';

// It calls a head that is late `connection-timeout`, as if nothing had been sent: a POST would be sent again.
const { send } = client;
client.send = (request) =>
  send(request).catch((error) => {
    if (error.payload?.tag === 'connection-timeout') error.payload = { tag: 'HTTP-response-timeout' };
    throw error;
  });

// When a body breaks off it throws, and the batch waits for ever. The body has to end there, and the trailers to say why.
const { consumeBody } = types.Response;
types.Response.consumeBody = (response, sent) => {
  const [body, trailers] = consumeBody(response, sent);
  const pieces = body[Symbol.asyncIterator]();
  const next = () => pieces.next().catch(() => ({ done: true }));
  const incomplete = { tag: 'err', val: { tag: 'HTTP-response-incomplete' } };
  return [{ [Symbol.asyncIterator]: () => ({ next, return: () => pieces.return() }) }, trailers.read().catch(() => incomplete)];
};

// When a body is dropped before its end it keeps the connection, and ends the process when that is silent for too long.
const { values } = ReadableStream.prototype;
ReadableStream.prototype.values = function (options) {
  return values.call(this, { ...options, preventCancel: false });
};
