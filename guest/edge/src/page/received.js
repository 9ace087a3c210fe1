// What has been received, byte for byte, and the lines in it.

/** The most bytes and outcomes that the page keeps. A longer answer is for a program. */
const MAX_BYTES = 256 * 1024 * 1024;
const MAX_ROWS = 100_000;

const LINE_FEED = 10;

class Received {
  #chunks = [];
  #bytes = 0;
  /** The pieces of a line whose end has not arrived. */
  #pieces = [];
  #decoder = new TextDecoder();

  get bytes() {
    return this.#bytes;
  }

  /** Adds a chunk. Returns the lines that it completes, each with its place among all bytes. */
  add(chunk) {
    if (this.#bytes + chunk.length > MAX_BYTES) throw new Error("more than this page can hold: use a program such as curl");
    const lines = [];
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      const piece = chunk.subarray(from, end);
      const start = this.#bytes + from - this.#pieces.reduce((sum, { length }) => sum + length, 0);
      lines.push({ text: this.#line(piece), start, end: this.#bytes + end });
      from = end + 1;
    }
    if (from < chunk.length) this.#pieces.push(chunk.subarray(from));
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    return lines;
  }

  #line(last) {
    const pieces = this.#pieces.splice(0);
    const stream = { stream: true };
    return pieces.map((piece) => this.#decoder.decode(piece, stream)).join("") + this.#decoder.decode(last);
  }

  /** All bytes as they came. */
  blob() {
    return new Blob(this.#chunks, { type: "application/x-ndjson" });
  }

  /** The text of a line. */
  text({ start, end }) {
    return this.blob().slice(start, end).text();
  }
}

function download(received) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(received.blob());
  link.download = "outcomes.ndjson";
  link.click();
  // The browser has to have begun to read it.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
