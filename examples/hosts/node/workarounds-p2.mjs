// Import this before the component. It works around deviations of preview2-shim 0.26 from wasi:http.

import { types } from '@bytecodealliance/preview2-shim/http';

// The shim has a single timeout, for a silent socket. It takes its value from the connect timeout and reports `connection-timeout`, as if
// nothing had been sent, so that a POST would be sent again. This makes it the timeout for the head.
const options = types.RequestOptions.prototype;
options.setFirstByteTimeout = options.setConnectTimeout;
options.setConnectTimeout = () => {};
const { get } = types.FutureIncomingResponse.prototype;
types.FutureIncomingResponse.prototype.get = function () {
  const result = get.call(this);
  const answer = result?.val;
  if (answer?.tag === 'err' && answer.val.tag === 'connection-timeout') answer.val = { tag: 'HTTP-response-timeout' };
  return result;
};

// When a body breaks off, the shim returns an Error instead of an error code, which ends the component.
const { httpErrorCode } = types;
types.httpErrorCode = (error) => {
  const code = httpErrorCode(error);
  return code?.tag ? code : { tag: 'HTTP-response-incomplete' };
};
