// The form, and one batch at a time.

/** How often rows are put in order again while they arrive, in milliseconds. */
const SORT_EVERY = 250;

const get = (id) => document.getElementById(id);

let view = new View();
let received = new Received();
let expected = 0;
let stop = null;
let frame = 0;
let sortedAt = 0;

const list = new List(get("outcomes"), get("canvas"), async (row) => {
  showDetails(get("details"), row, await received.text(row.place));
});

/** Draws in the next frame what has changed; rows that have to be sorted wait for longer while more arrive. */
function refresh(now = false) {
  if (now) sortedAt = 0;
  frame ||= requestAnimationFrame((time) => {
    frame = 0;
    if (view.needsSorting && time - sortedAt < SORT_EVERY) return refresh();
    sortedAt = time;
    view.update();
    draw();
  });
}

function draw() {
  list.show(view.rows);
  const all = view.all.length;
  get("table").ariaRowCount = String(view.rows.length + 1);
  get("shown").textContent = view.rows.length === all ? "" : `${view.rows.length.toLocaleString("en-US")} of ${count(all, "outcome")}`;
  get("progress").max = Math.max(expected, all, 1);
  get("progress").value = all;
  showKinds(get("kinds"), view, (kind) => filter({ kind: view.kind === kind ? null : kind }));
}

function filter(change) {
  view.filter(change);
  list.toTop();
  refresh(true);
}

function sort(key, descending) {
  view.sort(key, descending);
  for (const cell of get("header").children) {
    const own = cell.dataset.key === key;
    cell.ariaSort = own ? (descending ? "descending" : "ascending") : "none";
  }
  get("sort").value = key;
  refresh(true);
}

function columns() {
  for (const { key, title } of COLUMNS) {
    get("sort").append(new Option(title, key));
    if (key === "arrival") continue;
    const cell = get("header").appendChild(document.createElement("div"));
    cell.className = key;
    cell.role = "columnheader";
    cell.dataset.key = key;
    const button = cell.appendChild(document.createElement("button"));
    button.type = "button";
    button.textContent = title;
    // Ascending, descending, and in order of arrival again.
    button.addEventListener("click", () => {
      if (view.column.key !== key) sort(key, false);
      else if (!view.descending) sort(key, true);
      else sort("arrival", false);
    });
  }
  const bar = get("header").appendChild(document.createElement("div"));
  bar.className = "bar";
  bar.role = "columnheader";
  get("outcomes").addEventListener("rendered", () => {
    bar.textContent = view.rows.length ? `0 to ${inTime(list.scale)}` : "";
    const width = get("outcomes").offsetWidth - get("outcomes").clientWidth;
    get("header").style.setProperty("--scrollbar", `${width}px`);
  });
}

/** Whether the answer is complete after this line. */
function take({ text, start, end }) {
  const line = JSON.parse(text);
  if (line.summary) {
    showSummary(get("summary"), line.summary);
    return true;
  }
  if (view.all.length >= MAX_ROWS) throw new Error("more outcomes than this page can hold: use a program such as curl");
  view.add(rowOf(line, { start, end }, view.all.length));
  return false;
}

async function problemOf(response) {
  const text = await response.text();
  try {
    const { title, detail, field } = JSON.parse(text);
    return `${response.status} ${title}: ${field ? `${field}: ` : ""}${detail}`;
  } catch {
    return `${response.status} ${text.slice(0, MAX_NOTE)}`;
  }
}

async function send(signal) {
  const policy = get("policy").value.trim() || "{}";
  const response = await fetch("/", {
    method: "POST",
    signal,
    headers: { authorization: `Bearer ${get("token").value}`, "content-type": "application/x-ndjson" },
    body: `{"policy":${policy}}\n${get("requests").value}\n`,
  });
  if (!response.ok) throw new Error(await problemOf(response));
  let whole = false;
  const reader = response.body.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    for (const line of received.add(read.value)) whole = take(line) || whole;
    state(`${view.all.length.toLocaleString("en-US")} of ${expected.toLocaleString("en-US")}`);
    refresh();
  }
  if (!whole) throw new Error("the answer broke off");
}

function state(text, kind = "") {
  get("state").textContent = text;
  get("state").className = kind;
}

function begin() {
  view = new View();
  received = new Received();
  expected = get("requests").value.split("\n").filter((line) => line.trim() !== "").length;
  for (const id of ["summary", "hints"]) get(id).hidden = true;
  get("kinds").replaceChildren();
  get("filter").value = "";
  get("results").hidden = false;
  sort("arrival", false);
  list.toTop();
  state("waiting…");
  get("send").disabled = get("download").disabled = true;
  get("stop").disabled = false;
}

function end() {
  const failed = view.kinds.get("failed") ?? 0;
  showHints(get("hints"), view.all, (cause) => {
    get("filter").value = cause;
    filter({ kind: "failed", text: cause });
    get("table").scrollIntoView({ block: "nearest" });
  });
  get("send").disabled = false;
  get("stop").disabled = true;
  get("download").disabled = received.bytes === 0;
  refresh(true);
  return `${count(view.all.length - failed - (view.kinds.get("cut") ?? 0), "response")}, ${count(failed, "failure")}`;
}

get("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  begin();
  stop = new AbortController();
  const started = performance.now();
  try {
    await send(stop.signal);
    state(`${end()} in ${inTime((performance.now() - started) * 1_000)}`);
  } catch (error) {
    // What could not be kept is not waited for.
    stop.abort();
    const counts = end();
    const reason = error.name === "AbortError" ? "stopped" : error.message;
    state(view.all.length ? `${reason}, after ${counts}` : reason, "bad");
  }
});
get("stop").addEventListener("click", () => stop?.abort());
get("download").addEventListener("click", () => download(received));
get("filter").addEventListener("input", ({ target }) => filter({ text: target.value }));
get("sort").addEventListener("change", ({ target }) => sort(target.value, ["time", "bytes"].includes(target.value)));
showLegend(get("legend"));
columns();
