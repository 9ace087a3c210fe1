// What stands around the outcomes: counts, hints, the summary, and one outcome in full. All data becomes text nodes.

/** The most characters of a body that are shown. The download has all of it. */
const MAX_BODY = 64 * 1024;

function tableRow(table, name, value, kind) {
  const row = table.insertRow();
  const header = row.appendChild(document.createElement("th"));
  header.scope = "row";
  header.textContent = name;
  const cell = row.insertCell();
  cell.textContent = value;
  if (kind) cell.className = kind;
  return row;
}

/** A button for each kind of outcome, and its count. */
function showKinds(place, view, choose) {
  const chip = (kind, label, number) => {
    const key = kind ?? "all";
    const button = [...place.children].find(({ dataset }) => dataset.kind === key) ?? document.createElement("button");
    if (!button.isConnected) {
      button.dataset.kind = key;
      button.type = "button";
      button.addEventListener("click", () => choose(kind));
      place.append(button);
    }
    button.textContent = `${label} ${number.toLocaleString("en-US")}`;
    button.ariaPressed = String(view.kind === kind);
    if (kind) button.className = KINDS[kind] ?? "odd";
  };
  chip(null, "all", view.all.length);
  for (const kind of Object.keys(KINDS)) {
    const number = view.kinds.get(kind);
    if (number) chip(kind, kind === "cut" ? "cut short" : kind, number);
  }
}

function showHints(place, rows, choose) {
  const causes = causesOf(rows);
  const table = place.querySelector("tbody");
  table.replaceChildren();
  place.hidden = causes.length === 0;
  for (const [cause, number] of causes) {
    const row = tableRow(table, "", number.toLocaleString("en-US"), "number");
    const button = row.cells[0].appendChild(document.createElement("button"));
    button.type = "button";
    button.textContent = cause;
    button.addEventListener("click", () => choose(cause));
    row.insertCell().textContent = HINTS[cause] ?? "See the detail of each.";
  }
}

/** The summary as rows of names and values; fields that this page does not know included. */
function showSummary(place, summary) {
  const table = place.querySelector("tbody");
  table.replaceChildren();
  place.hidden = false;
  const show = (fields, prefix) => {
    for (const [name, value] of Object.entries(fields)) {
      if (value !== null && typeof value === "object") show(value, `${prefix}${name} `);
      else tableRow(table, (prefix + name).replace(/_us$/, "").replaceAll("_", " "), summaryValue(name, value), "number");
    }
  };
  show(summary, "");
}

function summaryValue(name, value) {
  if (name.endsWith("_us")) return inTime(value);
  if (name.endsWith("bytes")) return inBytes(value);
  return typeof value === "number" ? value.toLocaleString("en-US") : value === true ? "yes" : value === false ? "no" : value;
}

function showLegend(place) {
  for (const [name, meaning] of Object.entries(SPANS)) {
    const entry = place.appendChild(document.createElement("span"));
    entry.appendChild(document.createElement("i")).style.background = `var(--${name})`;
    entry.append(meaning);
  }
}

/** One outcome in full. `text` is its line. */
function showDetails(dialog, row, text) {
  const { body, body_base64: binary, headers = {}, error, problem, timing, last_attempt: last, ...others } = JSON.parse(text);
  dialog.querySelector("h2").textContent = `${row.state} ${row.url}`;
  dialog.querySelector(".hint").textContent = error ? (HINTS[error.cause] ?? "") : "";
  const table = dialog.querySelector("tbody");
  table.replaceChildren();
  const show = (fields, prefix = "") => {
    for (const [name, value] of Object.entries(fields ?? {})) {
      const plain = name.replace(/_us$/, "");
      const shown = plain === name || name === "started_us" ? value : inTime(value);
      tableRow(table, prefix + plain, typeof shown === "object" ? JSON.stringify(shown) : shown);
    }
  };
  show(others);
  show(error ?? problem);
  show(timing, "timing ");
  if (last?.started_us) last.started = new Date(last.started_us / 1_000).toISOString();
  delete last?.started_us;
  show(last, "last attempt ");
  for (const [name, value] of Object.entries(headers)) tableRow(table, name, typeof value === "object" ? JSON.stringify(value) : value);
  const pre = dialog.querySelector("pre");
  const content = body ?? binary ?? "";
  pre.hidden = content === "";
  pre.textContent = content.length > MAX_BODY ? `${content.slice(0, MAX_BODY)}… (the rest is in the download)` : content;
  dialog.showModal();
}
