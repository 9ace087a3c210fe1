// An outcome as a row.

/** The kinds of outcomes by which rows are filtered, with the class of their colour. */
const KINDS = { "1xx": "odd", "2xx": "good", "3xx": "odd", "4xx": "bad", "5xx": "bad", failed: "bad", cut: "bad" };

/** The parts of the time that a request took, in their order. */
const SPANS = {
  slot: "waiting for a slot",
  earlier: "earlier attempts, and waiting between them",
  wait: "waiting for a connection",
  resolve: "resolving the name",
  connect: "connecting",
  tls: "TLS handshake",
  upload: "sending the body",
  head: "to the head",
  body: "reading the body",
  own: "in Fantail itself, and from one part to the next",
};

/** The most characters of a body or a detail that a row keeps. */
const MAX_NOTE = 200;

const encoder = new TextEncoder();

function rowOf(line, place, arrival) {
  if (line.problem) {
    const { detail, field } = line.problem;
    const note = field ? `${field}: ${detail}` : detail;
    return { arrival, place, id: "", kind: "cut", state: "cut short", url: "", note, total: 0, bytes: null, spans: [] };
  }
  const { error } = line;
  return {
    arrival,
    place,
    id: line.id,
    kind: error ? "failed" : `${Math.floor(line.status / 100)}xx`,
    state: error ? error.cause : line.status,
    url: line.url,
    note: error ? (error.detail ?? error.code) : noteOf(line),
    total: line.timing.total_us,
    bytes: bytesOf(line),
    spans: spansOf(line),
  };
}

function noteOf({ body, body_base64: binary }) {
  return body === undefined ? (binary === undefined ? "" : "(not text)") : body.slice(0, MAX_NOTE);
}

function bytesOf({ body, body_base64: binary }) {
  if (body !== undefined) return encoder.encode(body).length;
  if (binary === undefined) return null;
  return (binary.length / 4) * 3 - (binary.endsWith("==") ? 2 : binary.endsWith("=") ? 1 : 0);
}

/** The part in which a request was when it failed, by the failure's phase. */
const FAILED_IN = { queue: "slot", resolve: "resolve", connect: "connect", tls: "tls", head: "head", body: "body" };

/**
 * The parts of the time in microseconds. What is in none of them went to earlier attempts, if there were any; or to the part that did not end, as
 * it has no measurement; or to Fantail itself.
 */
function spansOf({ attempts, hops = [], timing, error, last_attempt: last = {} }) {
  const known = {
    slot: timing.queued_us,
    wait: last.queued_us,
    resolve: last.resolve_us,
    connect: last.connect_us,
    tls: last.tls_us,
    upload: last.send_us,
    head: timing.head_us ?? last.head_us,
    body: timing.body_us,
  };
  const sum = Object.values(known).reduce((sum, part) => sum + (part ?? 0), 0);
  const failedIn = FAILED_IN[error?.phase];
  const rest = attempts > 1 || hops.length > 0 ? "earlier" : failedIn && !known[failedIn] ? failedIn : "own";
  const parts = { ...known, [rest]: Math.max(0, timing.total_us - sum) };
  return Object.keys(SPANS).map((name) => [name, parts[name] ?? 0]).filter(([, micros]) => micros > 0);
}

/** What the filter looks through. */
function searchText(row) {
  row.search ??= `${row.id}\n${row.state}\n${row.url}\n${row.note}`.toLowerCase();
  return row.search;
}

function inTime(micros) {
  if (micros < 1_000) return `${Math.round(micros)} µs`;
  if (micros < 1_000_000) return `${(micros / 1_000).toFixed(micros < 10_000 ? 1 : 0)} ms`;
  return `${(micros / 1_000_000).toFixed(micros < 10_000_000 ? 2 : 1)} s`;
}

function inBytes(bytes) {
  if (bytes === null) return "";
  if (bytes < 1_024) return `${bytes} B`;
  const kib = bytes / 1_024;
  return kib < 1_024 ? `${kib.toFixed(kib < 10 ? 1 : 0)} KiB` : `${(kib / 1_024).toFixed(1)} MiB`;
}

function count(number, noun) {
  return `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;
}
