// Import this before the component: it mends where preview2-shim 0.26 does otherwise than wasi:http says.

import { types } from '@bytecodealliance/preview2-shim/http';

// It knows one timeout, of a silent socket, takes it from the one for connecting, and calls it `connection-timeout`, as if nothing had been
// sent: a POST would be sent again. Let it be the one for the head.
const options = types.RequestOptions.prototype;
options.setFirstByteTimeout = options.setConnectTimeout;
options.setConnectTimeout = () => {};
const { get } = types.FutureIncomingResponse.prototype;
types.FutureIncomingResponse.prototype.get = function () {
  const got = get.call(this);
  const answer = got?.val;
  if (answer?.tag === 'err' && answer.val.tag === 'connection-timeout') answer.val = { tag: 'HTTP-response-timeout' };
  return got;
};

// When a body breaks off it gives an Error in place of a code, and the component ends.
const { httpErrorCode } = types;
types.httpErrorCode = (error) => {
  const code = httpErrorCode(error);
  return code?.tag ? code : { tag: 'HTTP-response-incomplete' };
};
