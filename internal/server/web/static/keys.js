// Keys that work on every page; page/keys.go lists them for people. Nothing is
// taken from a field that somebody types into, or from a browser's own keys.

const typing = "input, textarea, select, [contenteditable]";
const patience = 1500; // ms between g and the key behind it
let going = 0; // when g was pressed

const dialog = document.getElementById("keys");

function showKeys() {
  if (dialog && !dialog.open) dialog.showModal();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-keys]");
  if (link && dialog && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    showKeys();
  }
  for (const menu of document.querySelectorAll("details:is(.menu, .account)[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// rows are what j and k go through: links, or what holds one.
function rows() {
  return [...document.querySelectorAll("[data-row]")].filter((row) => row.checkVisibility());
}

function move(by) {
  const all = rows();
  if (all.length === 0) return;
  const now = all.findIndex((row) => row.contains(document.activeElement));
  const row = all[now < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, now + by))];
  const target = row.matches("a, button") ? row : row.querySelector("a[href], button") ?? row;
  if (target === row && !row.matches("a, button")) row.tabIndex = -1;
  target.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function follow() {
  for (const box of document.querySelectorAll(".log-bar label:not([hidden]) input[type=checkbox]")) {
    if (!box.checkVisibility()) continue;
    box.click();
    return;
  }
}

function go(key) {
  const link = document.querySelector(`.sections a[data-go="${CSS.escape(key)}"]`);
  if (link) location.assign(link.href);
  return Boolean(link);
}

// What the search of the header has found so far is gone through with the arrows.
document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("form.search");
  if (!form || event.isComposing) return;
  const links = [...form.querySelectorAll("#found a")];
  const stops = [form.querySelector("#search"), ...links];
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by && links.length > 0) {
    stops[(stops.indexOf(event.target) + by + stops.length) % stops.length].focus();
    event.preventDefault();
  } else if (event.key === "Escape") {
    forget(form);
    if (links.length === 0) return; // the field is left
    stops[0].focus();
    event.preventDefault();
  }
});

// Escape ends the search of the header until more is typed: what is asked already, or
// would be in a moment, shows nothing any more.
let awaited = null; // the request whose answer is shown
let ended = false;

function forget(form) {
  [awaited, ended] = [null, true];
  form.dispatchEvent(new CustomEvent("htmx:abort"));
  form.querySelector("#found").replaceChildren();
}

document.addEventListener("input", (event) => {
  if (event.target.id !== "search") return;
  ended = false;
  if (event.target.value.trim() === "") forget(event.target.form); // browsers empty it at Escape
});

document.addEventListener("htmx:before:request", (event) => {
  if (!event.target.matches?.("form.search")) return;
  if (ended) event.preventDefault();
  else awaited = event.detail.ctx;
});

document.addEventListener("htmx:before:swap", (event) => {
  if (event.target.matches?.("form.search") && event.detail.ctx !== awaited) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details:is(.menu, .account)[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    if (event.target.matches?.("#search, #filter")) event.target.blur(); // not every browser empties it
    return;
  }
  if (event.target.closest?.(typing) && !event.target.matches("input:is([type=checkbox], [type=radio])")) return;
  if (dialog?.open) return;
  const behind = event.timeStamp - going < patience && going > 0;
  going = 0;
  if (behind) {
    if (go(event.key)) event.preventDefault();
    return;
  }
  switch (event.key) {
    case "/": document.getElementById("search")?.select(); break;
    case "?": showKeys(); break;
    case "g": going = event.timeStamp; break;
    case "j": move(1); break;
    case "k": move(-1); break;
    case ".": follow(); break;
    default: return;
  }
  event.preventDefault();
});
