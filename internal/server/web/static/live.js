// Keeps a page current. The event stream (htmx's SSE extension) fires each
// event on #live under the name of its kind; whatever comes, the content is
// fetched again, at most once a second. Logs follow by themselves (log.js).
// What the reader has unfolded, scrolled to, focused and typed stays.

const kinds = ["revisions", "run", "build", "queue", "regression", "worker", "source", "config"];
const spoken = { build: ["build", "builds"], regression: ["regression", "regressions"], worker: ["worker", "workers"] };
const interval = 1000; // ms between two refreshes
const calm = 10_000; // ms between two announcements to a screen reader
let last = 0;
let timer = 0;

// While an answer to a filter is on its way, what is shown is out of date already:
// it is fetched again when that has come, by its own address. The filter's form
// itself takes the place of a refresh under way (hx-sync).
function refresh() {
  if (timer) return;
  timer = setTimeout(() => {
    timer = 0;
    if (document.querySelector("form.filter.htmx-request")) {
      last = Date.now();
      refresh();
      return;
    }
    last = Date.now();
    const content = document.getElementById("content");
    if (content && "live" in content.dataset) htmx.ajax("GET", content.dataset.url, { source: content, target: "#content", swap: "outerMorph" });
  }, Math.max(0, last + interval - Date.now()));
}

const heard = new Map();
let saying = 0;

function hear(kind) {
  refresh();
  if (!spoken[kind]) return;
  heard.set(kind, (heard.get(kind) ?? 0) + 1);
  saying ||= setTimeout(say, calm);
}

// say tells in one sentence what has changed lately.
function say() {
  saying = 0;
  const region = document.getElementById("live-said");
  const parts = [...heard].map(([kind, n]) => `${n} ${n === 1 ? "change" : "changes"} of ${spoken[kind][1]}`);
  heard.clear();
  if (region) region.textContent = `Page updated: ${parts.join(", ")}`;
}

for (const kind of kinds) document.addEventListener(kind, () => hear(kind));

let connected = false;

function connection(up) {
  const state = document.getElementById("live-state");
  if (!state || (!up && !connected)) return; // it never was
  state.hidden = false;
  state.classList.toggle("is-lost", !up);
  state.textContent = up ? "live" : navigator.onLine ? "connection lost, trying again" : "offline";
  connected ||= up;
}

// What was missed while the page lay in the background or the line was down.
document.addEventListener("htmx:sse:after:connection", (event) => {
  connection(true);
  if (event.detail?.connection?.attempt > 0) refresh();
});
for (const name of ["htmx:sse:error", "htmx:sse:close"]) document.addEventListener(name, () => connection(false));
addEventListener("offline", () => connection(false));

document.addEventListener("htmx:after:swap", () => {
  const content = document.getElementById("content");
  if (content?.dataset.title) document.title = content.dataset.title;
  keepAddress(content);
  const now = document.querySelector("footer time");
  if (now) now.dateTime = new Date().toISOString();
  tick();
  offerCopy();
});

// The address is that of what is shown, also while one types into a filter: so it
// can be saved, and loading the page again shows the same.
function keepAddress(content) {
  const shown = content?.dataset.url;
  if (shown?.startsWith("/") && !shown.startsWith("//") && shown !== location.pathname + location.search) {
    history.replaceState(history.state, "", shown + location.hash);
  }
}

// Times age. The words are those of text.go.
function ago(seconds) {
  if (seconds <= -5) return `in ${ago(-seconds).replace(" ago", "")}`;
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
  const days = Math.floor(seconds / 86400);
  if (days < 60) return `${days} d ago`;
  if (days < 730) return `${Math.floor((days * 12 + 182) / 365)} months ago`;
  return `${Math.floor(days / 365)} years ago`;
}

// The server's clock counts: its page said what time it is.
const skew = Date.now() - Date.parse(document.querySelector("footer time")?.dateTime ?? new Date());

function tick() {
  for (const time of document.querySelectorAll("time[datetime]:not([data-abs])")) {
    const text = ago((Date.now() - skew - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
}
setInterval(tick, 10_000);

// In full, a time is that of the reader's clock.
const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

for (const name of ["pointerover", "focusin"]) {
  document.addEventListener(name, (event) => {
    const time = event.target.closest?.("time[datetime]") ?? event.target.querySelector?.(":scope > time[datetime]");
    const at = Date.parse(time?.dateTime);
    if (Number.isFinite(at)) time.title = zone.format(at);
  });
}

function offerCopy() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
}
offerCopy();

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});
