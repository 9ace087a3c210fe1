// Which rows are shown, and in what order.

/** The columns by which rows can be sorted. `arrival` has no column. */
const COLUMNS = [
  { key: "arrival", title: "arrival", value: (row) => row.arrival },
  { key: "id", title: "id", value: (row) => row.id },
  { key: "state", title: "outcome", value: (row) => row.state },
  { key: "time", title: "time", value: (row) => row.total },
  { key: "bytes", title: "size", value: (row) => row.bytes ?? -1 },
  { key: "url", title: "URL", value: (row) => row.url },
  { key: "note", title: "body or failure", value: (row) => row.note },
];

class View {
  /** Every row, in order of arrival. */
  all = [];
  /** How many rows of each kind there are. */
  kinds = new Map();
  /** The rows that are shown, sorted. */
  rows = [];
  kind = null;
  text = "";
  column = COLUMNS[0];
  descending = false;
  /** Rows of `all` that `rows` does not yet consider. */
  #considered = 0;
  #stale = false;

  add(row) {
    this.all.push(row);
    this.kinds.set(row.kind, (this.kinds.get(row.kind) ?? 0) + 1);
  }

  /** Whether the rows have to be put in order again as a whole, which takes longer than to append new ones. */
  get needsSorting() {
    return this.#stale || (this.#considered < this.all.length && (this.column !== COLUMNS[0] || this.descending));
  }

  update() {
    if (!this.needsSorting) {
      for (; this.#considered < this.all.length; this.#considered++) {
        const row = this.all[this.#considered];
        if (this.#matches(row)) this.rows.push(row);
      }
      return;
    }
    const { value } = this.column;
    const sign = this.descending ? -1 : 1;
    this.rows = this.all.filter((row) => this.#matches(row));
    this.rows.sort((a, b) => sign * compare(value(a), value(b)) || a.arrival - b.arrival);
    this.#considered = this.all.length;
    this.#stale = false;
  }

  filter({ kind = this.kind, text = this.text }) {
    this.kind = kind;
    this.text = text.trim().toLowerCase();
    this.#stale = true;
  }

  sort(key, descending) {
    this.column = COLUMNS.find((column) => column.key === key) ?? COLUMNS[0];
    this.descending = descending;
    this.#stale = true;
  }

  #matches(row) {
    return (this.kind === null || row.kind === this.kind) && (this.text === "" || searchText(row).includes(this.text));
  }
}

/** Numbers come before texts: ids and outcomes may be either. */
function compare(a, b) {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
