// The page's own script: draws the charts, follows the live stream, exchanges the parts that changed.
// Everything it shows is in the page already; without it the page still reads.

const body = document.body;
const language = body.dataset.language;
const wall = document.documentElement.dataset.look === "wall";
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

/* Charts ------------------------------------------------------------------------------------------------- */

function tone(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--chart-${name}`).trim();
}

function chartConfig() {
  const size = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const line = (name, width, extra = {}) => ({ color: tone(name), strokeWidth: width, ...extra });
  const area = (name, opacity = 1) => ({ color: tone(name), opacity, line: false });
  return {
    font: getComputedStyle(body).fontFamily,
    padding: { left: 2, right: 12, top: 6, bottom: 2 },
    view: { stroke: null },
    locale: window.vegaLocales[language],
    axis: {
      domain: false, ticks: false, gridColor: tone("grid"), labelColor: tone("text"),
      labelFontSize: Math.round(size * 0.8), labelPadding: 6,
    },
    style: {
      band95: area("band95"),
      band80: area("band80"),
      band50: area("band50"),
      median: line("median", 2.6),
      free: line("free", 2.6, { strokeDash: [7, 5] }),
      freeband: area("free", 0.12),
      observed: line("observed", 2.4, { strokeDash: [1, 4], strokeCap: "round" }),
      today: line("today", 1),
      signal: line("median", 2.2),
      signalarea: area("band95", 0.8),
    },
  };
}

// A tooltip without inline styles or HTML from data: the policy allows neither.
const tip = document.createElement("div");
tip.id = "vg-tooltip-element";
tip.setAttribute("aria-hidden", "true");
body.append(tip);

function showTip(handler, event, item, value) {
  tip.replaceChildren();
  tip.classList.toggle("visible", value != null && value !== "");
  if (value == null || value === "") return;
  for (const [name, text] of Object.entries(value)) {
    const row = document.createElement("div");
    row.textContent = `${name} : ${text}`;
    tip.append(row);
  }
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - box.width - 8)}px`;
  tip.style.top = `${Math.max(8, event.clientY - box.height - 12)}px`;
}

async function draw(place) {
  const block = place.querySelector('script[type="application/json"]');
  if (!block || !window.vegaEmbed) return;
  const spec = JSON.parse(block.textContent);
  spec.height = place.clientHeight - 34;
  const holder = document.createElement("div");
  place.querySelectorAll(".vega-embed, .drawing").forEach((old) => old.remove());
  holder.className = "drawing";
  place.append(holder);
  place.view?.finalize();
  const locale = window.vegaLocales[language];
  const drawn = await window.vegaEmbed(holder, spec, {
    mode: "vega-lite", renderer: "svg", ast: true, actions: false, defaultStyle: false, hover: false,
    config: chartConfig(), formatLocale: locale.number, timeFormatLocale: locale.time, tooltip: showTip,
  });
  place.view = drawn.view;
  place.dataset.drawn = "yes";
  // The place has its own label; what is inside would only repeat shapes to a screen reader.
  holder.setAttribute("aria-hidden", "true");
}

function drawAll(root = document) {
  return Promise.all([...root.querySelectorAll("[data-chart]")].map((place) => draw(place)));
}

dark.addEventListener("change", () => drawAll());
addEventListener("beforeprint", () => drawAll());

/* Exchanging what changed -------------------------------------------------------------------------------- */

let refreshing = false;
let again = false;

async function refresh() {
  if (refreshing) { again = true; return; }
  refreshing = true;
  try {
    const answer = await fetch(location.href, { cache: "no-cache", headers: { Accept: "text/html" } });
    if (answer.ok) await exchange(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The network is away; the stream's own reconnection asks again.
  } finally {
    refreshing = false;
    if (again) { again = false; refresh(); }
  }
}

// Whether each fold came open or closed.
const served = new WeakMap();
function remember(root) {
  for (const fold of root.querySelectorAll("details[data-keep]")) served.set(fold, fold.open);
}

function fingerprint(part) {
  const copy = part.cloneNode(true);
  copy.querySelectorAll(".drawing").forEach((drawing) => drawing.remove());
  copy.querySelectorAll("[data-drawn]").forEach((place) => place.removeAttribute("data-drawn"));
  copy.querySelectorAll("details").forEach((details) => details.removeAttribute("open"));
  copy.classList.remove("changed");
  return copy.outerHTML;
}

async function exchange(fresh) {
  const main = document.getElementById("bulletin");
  const now = [...main.querySelectorAll("[data-part]")];
  const next = [...fresh.querySelectorAll("#bulletin [data-part]")];
  if (now.length !== next.length) {
    main.replaceChildren(...next.map((part) => document.adoptNode(part)));
    remember(main);
    document.title = fresh.title;
    await drawAll(main);
    return;
  }
  for (const [place, part] of next.entries()) {
    const old = now[place];
    if (fingerprint(old) === fingerprint(part)) continue;
    const adopted = document.adoptNode(part);
    remember(adopted);
    for (const fold of old.querySelectorAll("details[data-keep]")) {
      // What the reader opened or closed stays so; a fold left alone is as it was served.
      if (fold.open === served.get(fold)) continue;
      const same = adopted.querySelector(`details[data-keep="${CSS.escape(fold.dataset.keep)}"]`);
      if (same) same.open = fold.open;
    }
    old.replaceWith(adopted);
    if (!calm.matches) adopted.classList.add("changed");
    await drawAll(adopted);
    if (adopted.dataset.news) tell(adopted.dataset.news);
  }
  document.title = fresh.title;
}

let silence;
function tell(text) {
  const news = document.getElementById("news");
  news.textContent = text;
  news.classList.add("shown");
  clearTimeout(silence);
  silence = setTimeout(() => { news.classList.remove("shown"); news.textContent = ""; }, 8000);
}

/* The live stream ---------------------------------------------------------------------------------------- */

const live = document.getElementById("live");
const count = document.getElementById("live-count");
const numbers = new Intl.NumberFormat(language === "fr" ? "fr-FR" : "en-GB");
let received = -1;

function state(name) {
  live.dataset.state = name;
  const words = { connected: "liveConnected", waiting: "liveWaiting", stopped: "liveStopped" };
  document.getElementById("live-state").textContent = body.dataset[words[name]];
}

function beat(target, name) {
  if (calm.matches) return;
  target.classList.remove(name);
  void target.getBoundingClientRect();
  target.classList.add(name);
}

function counted(news) {
  if (news.received === undefined || news.received === received) return;
  received = news.received;
  if (received <= 0) return;
  const rounded = news.partner === undefined;
  const pattern = rounded ? count.dataset.rounded : received === 1 ? count.dataset.one : count.dataset.many;
  count.textContent = pattern.replace(/1\D?234\D?567/u, numbers.format(received));
}

function concerns(news) {
  const mine = body.dataset.territory;
  const named = news.territories ?? (news.territory === undefined ? undefined : [news.territory]);
  return named === undefined || named.includes(mine);
}

let pending;
function soon() {
  clearTimeout(pending);
  pending = setTimeout(refresh, 150);
}

function follow() {
  const stream = new EventSource("/v1/stream");
  let seen = false;
  stream.addEventListener("hello", (event) => {
    state("connected");
    counted(JSON.parse(event.data));
    // After a cut the page may be older than the stream says: look once.
    if (seen) soon();
    seen = true;
  });
  stream.addEventListener("observations", (event) => {
    const news = JSON.parse(event.data);
    counted(news);
    beat(live, "beat");
    const partner = news.partner && document.querySelector(`[data-partner="${CSS.escape(news.partner)}"]`);
    if (partner) beat(partner, "tick");
  });
  for (const topic of ["runs", "alerts"]) {
    stream.addEventListener(topic, (event) => { if (concerns(JSON.parse(event.data))) soon(); });
  }
  stream.addEventListener("error", () => {
    state(stream.readyState === EventSource.CLOSED ? "stopped" : "waiting");
    if (stream.readyState === EventSource.CLOSED) setTimeout(follow, 5000);
  });
}

/* Start -------------------------------------------------------------------------------------------------- */

document.querySelector(".chooser select")?.addEventListener("change", (event) => event.target.form.requestSubmit());
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
// A bulletin grows old even when nothing arrives.
setInterval(refresh, wall ? 60_000 : 300_000);

remember(document);
await drawAll();
body.dataset.ready = "yes";
follow();
