// The visible rows. Only they are in the document, however many there are.

/** Rows in the document beyond each edge of the visible part. */
const MARGIN = 4;

class List {
  #viewport;
  #canvas;
  #open;
  /** Row elements by the place of the row that each shows. */
  #shown = new Map();
  #rows = [];
  #scale = 1;

  /** `open` is called with a row that was chosen. */
  constructor(viewport, canvas, open) {
    this.#viewport = viewport;
    this.#canvas = canvas;
    this.#open = open;
    viewport.addEventListener("scroll", () => this.render(), { passive: true });
    new ResizeObserver(() => this.render()).observe(viewport);
  }

  /** The time in microseconds that a bar of full width stands for: of the slowest visible row. */
  get scale() {
    return this.#scale;
  }

  show(rows) {
    this.#rows = rows;
    this.render(true);
  }

  toTop() {
    this.#viewport.scrollTop = 0;
  }

  render(changed = false) {
    const height = parseFloat(getComputedStyle(this.#viewport).getPropertyValue("--row"));
    this.#canvas.style.height = `${this.#rows.length * height}px`;
    const first = Math.max(0, Math.floor(this.#viewport.scrollTop / height) - MARGIN);
    const visible = Math.ceil(this.#viewport.clientHeight / height) + 2 * MARGIN;
    const rows = this.#rows.slice(first, first + visible);
    const scale = rows.reduce((slowest, { total }) => Math.max(slowest, total), 1);
    const all = changed || scale !== this.#scale;
    this.#scale = scale;
    const spare = [];
    for (const [place, element] of this.#shown) {
      if (place < first || place >= first + rows.length) {
        this.#shown.delete(place);
        spare.push(element);
      }
    }
    rows.forEach((row, index) => {
      const place = first + index;
      const shown = this.#shown.get(place);
      const element = shown ?? spare.pop() ?? this.#create();
      this.#shown.set(place, element);
      if (all || !shown) fill(element, row, place, scale);
      element.style.transform = `translateY(${place * height}px)`;
    });
    for (const element of spare) element.remove();
    this.#viewport.dispatchEvent(new Event("rendered"));
  }

  #create() {
    const element = rowElement();
    const open = () => this.#open(element.row);
    element.addEventListener("click", open);
    element.addEventListener("keydown", ({ key }) => key === "Enter" && open());
    this.#canvas.append(element);
    return element;
  }
}

const CELLS = ["id", "state", "time", "bytes", "url", "note", "bar"];

function rowElement() {
  const element = document.createElement("div");
  element.className = "row";
  element.role = "row";
  element.tabIndex = 0;
  element.cells = CELLS.map((name) => {
    const cell = element.appendChild(document.createElement("div"));
    cell.className = name;
    cell.role = "cell";
    return cell;
  });
  return element;
}

function fill(element, row, place, scale) {
  const [id, state, time, bytes, url, note, bar] = element.cells;
  element.row = row;
  // The header is the first row.
  element.ariaRowIndex = String(place + 2);
  id.textContent = id.title = row.id;
  state.textContent = row.state;
  state.className = `state ${KINDS[row.kind] ?? "odd"}`;
  time.textContent = row.total ? inTime(row.total) : "";
  bytes.textContent = inBytes(row.bytes);
  url.textContent = url.title = row.url;
  note.textContent = row.note;
  bar.style.background = gradient(row, scale);
  bar.title = row.spans.map(([name, micros]) => `${SPANS[name]}: ${inTime(micros)}`).join("\n");
}

/** The parts of a row's time as colours, over the width that its total has. */
function gradient({ spans }, scale) {
  let at = 0;
  const stops = spans.map(([name, micros]) => {
    const from = (at / scale) * 100;
    at += micros;
    return `var(--${name}) ${from.toFixed(2)}% ${((at / scale) * 100).toFixed(2)}%`;
  });
  return stops.length ? `linear-gradient(to right, ${stops.join(", ")}, transparent 0)` : "none";
}
