// What to do about failures, by cause.

const HINTS = {
  "DNS-timeout": "The resolver did not answer in time: try again, or raise timeouts.connect.",
  "DNS-error": "The resolver could not answer: try again later.",
  "destination-not-found": "There is no such host name: check its spelling.",
  "destination-unavailable": "No address of the host could be reached: try again later.",
  "destination-IP-prohibited": "The address is not open to this application, such as a private one: whoever runs it can allow a network.",
  "destination-IP-unroutable": "There is no route to the address.",
  "connection-refused": "Nothing listens on this port: check host and port, and whether the server runs.",
  "connection-terminated": "The server closed the connection before it answered: retries help if repeating does no harm.",
  "connection-timeout": "The server did not accept a connection in time: raise timeouts.connect, or lower concurrency.",
  "connection-read-timeout": "The server was silent for too long: raise timeouts.head or timeouts.idle.",
  "connection-write-timeout": "The server did not take the request in time.",
  "connection-limit-reached": "This application has no connection left: lower concurrency, or try again.",
  "TLS-protocol-error": "The TLS handshake failed: is this port for https?",
  "TLS-certificate-error": "The certificate is not valid for this host, has expired, or its issuer is not trusted.",
  "TLS-alert-received": "The server refused the TLS handshake: it may want a client certificate or another version.",
  "HTTP-request-denied": "This origin is not allowed here: whoever runs this application can allow it.",
  "HTTP-protocol-error": "The answer is not valid HTTP, or the connection ended too early.",
  "HTTP-response-incomplete": "The answer ended too early: retries help if repeating does no harm.",
  "HTTP-response-timeout": "The server did not answer in time: raise timeouts.head.",
  "invalid-request": "The line is not a request: the detail names line and field.",
  "invalid-url": "This is not an absolute http or https URL.",
  "body-too-large": "The body is longer than limits.max_body: raise it, or use \"body\":\"discard\".",
  "invalid-header": "A header's name or value cannot be sent: the detail names it.",
  "retry-budget": "A retry would have helped, but this origin has had its share: raise retry.percent or retry.per_second.",
  "redirect-denied": "The redirect leads to where requests may not go.",
  "redirect-limit": "There were more redirects than the policy follows: raise redirects.",
  "timeout-total": "The request ran out of time: raise timeouts.request, or lower concurrency.",
  "timeout-attempt": "The attempt ran out of time: raise timeouts.attempt.",
  "not-granted": "The host does not let this application send requests: pass allowed_outbound_hosts on to it.",
  "breaker-open": "Too many attempts to this origin failed, so it is left alone for a while.",
  "deadline": "The batch reached its deadline: raise timeouts.batch, or split the batch.",
  "cancelled": "The batch stopped before this request was done.",
};

/** The causes of failed rows, the most frequent first. */
function causesOf(rows) {
  const causes = new Map();
  for (const { kind, state } of rows) {
    if (kind === "failed") causes.set(state, (causes.get(state) ?? 0) + 1);
  }
  return [...causes].sort(([, a], [, b]) => b - a);
}
