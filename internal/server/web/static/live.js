// Keeps a page current. The event stream (htmx's SSE extension) fires each
// event on #live under the name of its kind; whatever comes, the content is
// fetched again, at most once a second. Logs follow by themselves (log.js).

const kinds = ["revisions", "run", "build", "queue", "regression", "worker", "source", "config"];
const interval = 1000; // ms between two refreshes
let last = 0;
let timer = 0;

function refresh() {
  if (timer) return;
  timer = setTimeout(() => {
    timer = 0;
    last = Date.now();
    const content = document.getElementById("content");
    if (content) htmx.trigger(content, "refresh", {});
  }, Math.max(0, last + interval - Date.now()));
}

for (const kind of kinds) document.addEventListener(kind, refresh);

// What was missed while the page lay in the background or the line was down.
document.addEventListener("htmx:sse:after:connection", (event) => {
  const state = document.getElementById("live-state");
  if (state) state.hidden = false;
  if (event.detail?.connection?.attempt > 0) refresh();
});
for (const name of ["htmx:sse:error", "htmx:sse:close"]) {
  document.addEventListener(name, () => {
    const state = document.getElementById("live-state");
    if (state) state.hidden = true;
  });
}

document.addEventListener("htmx:after:swap", () => {
  const content = document.getElementById("content");
  if (content?.dataset.title) document.title = content.dataset.title;
  const now = document.querySelector("footer time");
  if (now) now.dateTime = new Date().toISOString();
  tick();
  offerCopy();
});

// Times age. The words are those of text.go.
function ago(seconds) {
  if (seconds <= -5) return `in ${ago(-seconds).replace(" ago", "")}`;
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

// The server's clock counts: its page said what time it is.
const skew = Date.now() - Date.parse(document.querySelector("footer time")?.dateTime ?? new Date());

function tick() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const text = ago((Date.now() - skew - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
}
setInterval(tick, 10_000);

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
