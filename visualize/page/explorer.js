// The page of visualize.explore: computes the graph, walks through it, asks about it. RULES and unpack.js stand above.
const nodes = DATA.nodes, boxes = DATA.boxes, ROOT = DATA.root;
const read = x => typeof x === "number" ? x : Number(x === "inf" ? "Infinity" : x === "-inf" ? "-Infinity" : "NaN");
const isNaN_ = x => x !== x;

// ------------------------------------------------------------ names and numbers

const NAMES = nodes.map(n => n.l);
const arrowsFrom = {}, arrowsInto = {};
const boxOf = {};
boxes.forEach((b, k) => { boxOf[b.id] = k; arrowsFrom[k] = []; arrowsInto[k] = []; });
const arrows = DATA.arrows.map(([source, target, parts], k) => {
  const a = { k, source: boxOf[source], target: boxOf[target], parts };
  arrowsFrom[a.source].push(a);
  arrowsInto[a.target].push(a);
  return a;
});
// What gradients are of: the result; or if one that is not 1 arrives there, something outside that is computed from it.
const ARRIVES = read(DATA.seed);
let OF = ARRIVES === 1 ? NAMES[ROOT] : "loss";
while (ARRIVES !== 1 && NAMES.includes(OF)) OF += "′";
const nameOf = b => b.m ? b.l : NAMES[b.i];

function format(x, digits = DATA.precision) {
  if (x === undefined) return "–";
  if (x !== x) return "nan";
  if (!isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (x === 0) return "0";
  let [mantissa, power] = x.toExponential(digits - 1).split("e");
  // Half to even, as Python has it: toExponential rounds half up.
  const rest = x.toExponential(60).split("e")[0].replace(/[-.]/g, "").slice(digits);
  if (/^50*$/.test(rest)) {
    const down = x.toExponential(60).split("e")[0].replace("-", "").slice(0, digits + 1);
    if ((digits > 1 ? Number(down[digits]) : Number(down[0])) % 2 === 0)
      [mantissa, power] = [(x < 0 ? "-" : "") + (digits > 1 ? down : down[0]), x.toExponential(60).split("e")[1]];
  }
  const e = Number(power), sign = mantissa[0] === "-" ? "-" : "", figures = mantissa.replace(/[-.]/g, "");
  const short = text => text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  if (e < -4 || e >= digits) return short(mantissa) + "e" + e;
  if (e < 0) return sign + short("0." + "0".repeat(-e - 1) + figures);
  return sign + short(figures.slice(0, e + 1) + (figures.length > e + 1 ? "." + figures.slice(e + 1) : ""));
}
const look = x => x === undefined ? "none" : !isFinite(x) ? "bad" : x > 0 ? "pos" : x < 0 ? "neg" : "zero";

// ------------------------------------------------------------ computing

const start = nodes.map(n => read(n.d));
let leaf = start.slice();
let val = [], grad = [], slopes = [], problem = null, failedAt = -1;
const argsOf = i => nodes[i].a.map(a => Array.isArray(a) ? read(a[0]) : val[a]);

function because(i, x) {
  const rule = RULES[nodes[i].r], got = x.slice(0, 6).map(v => String(v)).join(", ");
  let why = rule.d || "has no value there", remedy = rule.m || "";
  if (x.some(v => v === Infinity || v === -Infinity)) [why, remedy] = ["has no value at infinity", "An earlier step overflowed: look there."];
  else if (!rule.i || rule.i(x)) [why, remedy] = ["the result is too large for a number", "Make the argument smaller."];
  return `${rule.q}: ${why}, got ${got} (node ${nodes[i].a.filter(a => !Array.isArray(a)).slice(0, 6).map(a => `'${NAMES[a]}'`).join(", ")}). ${remedy}`.trim();
}

function forward() {
  val = [];
  problem = null;
  failedAt = -1;
  for (let i = 0; i < nodes.length; i++) {
    const n = nodes[i];
    if (!n.a) { val.push(leaf[i]); continue; }
    const x = argsOf(i);
    if (x.includes(undefined)) { val.push(undefined); continue; }
    if (n.z) { val.push(start[i]); continue; }
    let y = RULES[n.r].v(x);
    if (y !== y && !x.some(isNaN_)) {
      if (i <= ROOT && !problem) [problem, failedAt] = [because(i, x), i];
      y = undefined;
    }
    val.push(y);
  }
}

function carriesNothing(rule, n, k) {
  if (rule.c || (rule.k && rule.k.includes(k))) return true;
  const partner = n.a[(k + (n.a.length >> 1)) % n.a.length];
  return !!rule.u && Array.isArray(partner) && read(partner[0]) === 0;
}
const toLeaf = [];
nodes.forEach((n, i) => {
  const cut = n.z || !n.a ? [] : RULES[n.r].k || [];
  toLeaf.push(!n.a || n.a.some((a, k) => !Array.isArray(a) && !cut.includes(k) && toLeaf[a]));
});

function backward() {
  grad = [];
  slopes = [];
  if (val[ROOT] === undefined) return;
  grad[ROOT] = ARRIVES;
  for (let i = ROOT; i >= 0; i--) {
    const n = nodes[i];
    if (!n.a) continue;
    const x = argsOf(i), rule = n.z ? {} : RULES[n.r];
    const p = n.z ? n.z.map(read) : typeof rule.p === "function" ? rule.p(x, val[i]) : rule.p.map(f => f(x, val[i]));
    slopes[i] = p;
    const g = grad[i];
    if (g === undefined) continue;
    for (let k = 0; k < n.a.length; k++) {
      const a = n.a[k];
      if (Array.isArray(a) || (p[k] === 0 && carriesNothing(rule, n, k))) continue;
      const before = grad[a] === undefined ? 0 : grad[a], total = before + g * p[k];
      if (total !== total && g === g && before === before && !(p[k] !== p[k] && (val[i] !== val[i] || x.some(isNaN_) || !toLeaf[a]))) {
        problem = problem || (p[k] !== p[k] ? `${NAMES[i]} has no derivative by ${NAMES[a]} at ${x.slice(0, 6).join(", ")}.`
          : g * p[k] !== g * p[k] ? `0 · ∞ at ${NAMES[i]}: the gradient that arrives is ${g} and the slope is ${p[k]}; their product is not known.`
          : `The gradient of ${NAMES[a]} has no value: infinite contributions of opposite sign meet.`);
        grad = [];
        return;
      }
      grad[a] = total;
    }
  }
  for (let i = 0; i < nodes.length; i++) if (grad[i] === undefined) grad[i] = 0;
}

function flow([t, k]) {
  const n = nodes[t], rule = n.z ? {} : RULES[n.r];
  if (!slopes[t] || grad[t] === undefined) return undefined;
  const s = slopes[t][k];
  if (s === 0 && carriesNothing(rule, n, k)) return 0;
  return (s === 0 && Math.abs(grad[t]) === Infinity) || (grad[t] === 0 && Math.abs(s) === Infinity) ? 0 : s * grad[t];
}
const contribution = a => a.parts.reduce((sum, part) => {
  const c = flow(part);
  return sum === undefined || c === undefined ? undefined : sum + c;
}, 0);

// ------------------------------------------------------------ the timeline

const steps = DATA.steps.map(([kind, box, arrow]) => ({ kind, box, arrow: arrows[arrow] }));
const SEED = steps.findIndex(s => s.kind === "seed");
for (const b of boxes) b.born = 0;
steps.forEach((s, k) => {
  if (s.kind === "forward") boxes[s.box].born = k;
  if (s.arrow) s.arrow.step = k;
});
const LAST = steps.length - 1;
let now = LAST, pending = false, chosen = null;

function gradientAt(k, step) {
  const b = boxes[k];
  if (k === boxes.length - 1) return step >= SEED ? grad[ROOT] : undefined;
  let sum, all = true;
  for (const a of arrowsFrom[k]) {
    if (a.step > step) { all = false; continue; }
    const c = contribution(a);
    sum = c === undefined ? sum : (sum || 0) + c;
  }
  if (b.m) return undefined;
  return all && step >= SEED && sum !== undefined ? grad[b.i] : sum;
}

// ------------------------------------------------------------ drawing

const drawnBox = boxes.map(b => byId(b.id));
const drawnArrow = arrows.map(a => [byId("e" + a.k), byId(`e${a.k}t`)]);
const origin = picture.querySelector(".graph").getCTM ? picture.querySelector(".graph").transform.baseVal[0].matrix : { e: 0, f: 0 };
const place = drawnBox.map(g => {
  const m = g.transform.baseVal[0].matrix, r = g.querySelector("rect");
  return [m.e + origin.e, m.f + origin.f, Number(r.getAttribute("width")), Number(r.getAttribute("height"))];
});
const reach = arrows.map(a => {
  const [x1, y1, w1, h1] = place[a.source], [x2, y2, w2, h2] = place[a.target];
  const x = Math.min(x1, x2), y = Math.min(y1, y2) - 40;
  return [x, y, Math.max(x1 + w1, x2 + w2) - x, Math.max(y1 + h1, y2 + h2) + 40 - y];
});
const seen = boxes.map(() => true), seenArrow = arrows.map(() => true);
const MANY = 80;

function cull() {
  if (boxes.length <= MANY) return;
  const left = graph.scrollLeft / scale - 60, top = graph.scrollTop / scale - 60;
  const right = left + graph.clientWidth / scale + 120, bottom = top + graph.clientHeight / scale + 120;
  const inside = ([x, y, w, h]) => x < right && x + w > left && y < bottom && y + h > top;
  boxes.forEach((b, k) => { seen[k] = inside(place[k]); drawnBox[k].style.display = seen[k] ? "" : "none"; });
  arrows.forEach((a, k) => {
    seenArrow[k] = inside(reach[k]);
    for (const g of drawnArrow[k]) if (g) g.style.display = seenArrow[k] ? "" : "none";
  });
}

function setText(element, text) { if (element && element.textContent !== text) element.textContent = text; }
function fit(element, room) {
  // Numbers can grow longer than the place that was kept for them: then they are set closer.
  element.removeAttribute("textLength");
  if (element.textContent.length > room / 5.4 && element.getComputedTextLength() > room) {
    element.setAttribute("textLength", room);
    element.setAttribute("lengthAdjust", "spacingAndGlyphs");
  }
}
function range(values) {
  const known = values.filter(v => v !== undefined);
  if (!known.length) return "–";
  const low = format(Math.min(...known), 3), high = format(Math.max(...known), 3);
  return low === high ? low : `${low} … ${high}`;
}

function drawBox(k, step) {
  const b = boxes[k], g = drawnBox[k];
  if (!seen[k]) return;
  const data = g.querySelector("text.data"), slope = g.querySelector("text.grad");
  const born = b.born <= step, active = activeBoxes.has(k);
  let bad = false;
  if (b.m) {
    const out = arrowsFrom[k].every(a => a.step <= step);
    setText(data, born ? range(b.m.map(i => val[i])) : "–");
    setText(slope, out ? range(b.m.map(i => grad[i])) : "–");
  } else {
    const x = born ? val[b.i] : undefined, dx = gradientAt(k, step);
    setText(data, format(x));
    data.setAttribute("class", `${x !== undefined && !isFinite(x) ? "bad" : "plain"} data end`);
    setText(slope, format(dx));
    slope.setAttribute("class", `${look(dx)} grad end`);
    bad = (born && b.i === failedAt) || [x, dx].some(v => v !== undefined && !isFinite(v));
    fit(data, place[k][2] - 50);
    fit(slope, place[k][2] - 50);
  }
  g.classList.toggle("bad", bad);
  g.classList.toggle("now", active);
  g.classList.toggle("chosen", chosen === k);
}

function drawArrow(k, step, largest) {
  if (!seenArrow[k]) return;
  const a = arrows[k], [line, label] = drawnArrow[k];
  const known = a.step <= step;
  const c = known ? contribution(a) : undefined;
  const active = activeArrow === k;
  const kind = look(c);
  for (const g of [line, label]) if (g) g.setAttribute("class", `arrow ${kind}${active ? " now" : ""}${onPath.has("a" + k) ? " on" : ""}`);
  const size = c === undefined || c === 0 ? 0 : isFinite(c) ? Math.sqrt(Math.min(Math.abs(c) / largest, 1)) : 1;
  line.querySelector(".line").setAttribute("stroke-width", (1 + 3 * size).toFixed(1));
  if (!label) return;
  const text = label.querySelector("text");
  const words = c === undefined ? "" : a.parts.length > 1 ? `${a.parts.length} × … =` : `${format(slopes[a.parts[0][0]][a.parts[0][1]])} × ${format(grad[a.parts[0][0]])} =`;
  let total = text.querySelector(".total");
  if (!total) { total = document.createElementNS(SVG, "tspan"); total.setAttribute("class", "total"); text.append(total); }
  if (text.firstChild === total) text.prepend("");
  text.firstChild.data = words ? words + " " : "";
  setText(total, c === undefined ? "" : format(c));
  fit(text, 118 + 6 * (DATA.precision - 3));
}

let activeBoxes = new Set(), activeArrow = null, onPath = new Set();

function draw() {
  const s = steps[now], shown = pending ? now - 1 : now;
  activeBoxes = new Set();
  activeArrow = null;
  if (s.kind === "forward" || s.kind === "seed") activeBoxes.add(s.box);
  if (s.kind === "backward") { activeBoxes.add(s.arrow.source); activeBoxes.add(s.arrow.target); activeArrow = s.arrow.k; }
  let largest = 0;
  for (const a of arrows) { const c = contribution(a); if (c !== undefined && isFinite(c)) largest = Math.max(largest, Math.abs(c)); }
  boxes.forEach((b, k) => drawBox(k, shown));
  arrows.forEach((a, k) => drawArrow(k, shown, largest || 1));
  boxes.forEach((b, k) => drawnBox[k].classList.toggle("on", onPath.has(k)));
  picture.classList.toggle("tracing", onPath.size > 0);
}

// ------------------------------------------------------------ words

const wrapped = text => /^[-\p{L}\p{N}_.]+$/u.test(text) && !/^-/.test(text) ? text : `(${text})`;
const d = (a, b) => `∂${wrapped(a)}/∂${wrapped(b)}`;
const inputs = i => nodes[i].a.filter(a => !Array.isArray(a)).slice(0, 6).map(a => `${NAMES[a]} = ${format(val[a])}`).join(", ");
const signed = x => x !== undefined && x < 0 ? `(${format(x)})` : format(x);

function tell() {
  const told = byId("told"), s = steps[now];
  told.replaceChildren();
  const say = (text, kind) => told.append(element("p", text, kind));
  const head = text => { byId("step").querySelector("h2").textContent = text; };
  const L = NAMES[ROOT];
  byId("quiz").hidden = !pending;
  if (s.kind === "start") {
    head("Before the forward pass");
    say("Only the leaves have numbers. The forward pass computes one box after the other, from the leaves to the result; the backward pass then goes the other way.");
  } else if (s.kind === "end") {
    head("All of it");
    if (val[ROOT] === undefined) { say("There is no value here: the red box has none. Change a leaf.", "big"); return; }
    say(`${L} = ${format(val[ROOT])}`, "big");
    say("Every box has its number and its gradient. Go to the start, or one step back, to watch how they came about; change a leaf, and everything follows.");
  } else if (s.kind === "forward" && boxes[s.box].m) {
    head("Forward");
    say(`${boxes[s.box].l}: computed as the ones above.`);
  } else if (s.kind === "forward") {
    const b = boxes[s.box];
    head(`Forward: ${NAMES[b.i]}`);
    say(`${NAMES[b.i]} = ${b.f}`, "sum");
    say(`with ${inputs(b.i)}`);
    say(val[b.i] === undefined ? "has no value here" : `= ${format(val[b.i])}`, "big");
    if (nodes[b.i].z) say("This primitive of your own cannot be computed on a page: it keeps its number.");
  } else if (s.kind === "seed") {
    head("Backward pass: the beginning");
    say(ARRIVES === 1 ? `How much does ${L} grow with ${L} itself?` : `The gradient that arrives at ${L}, from a ${OF} that is computed from it, is given.`);
    say(`${d(OF, L)} = ${format(grad[ROOT])}`, "big");
    say("From here the gradient flows back along the arrows.");
  } else {
    const a = s.arrow, from = boxes[a.source], c = contribution(a), so = gradientAt(a.source, now), before = gradientAt(a.source, now - 1) || 0;
    const x = nameOf(from), target = boxes[a.target];
    if (a.parts.length > 1) {
      head("Chain rule, many times at once");
      say(`${x} and ${nameOf(target)}: ${a.parts.length} contributions, each a slope times the gradient above it.`);
      say(pending ? "= ?" : `together ${format(c)}`, "big");
    } else {
      const [t, k] = a.parts[0], y = target.m ? NAMES[t] : nameOf(target), up = grad[t], s_ = slopes[t] ? slopes[t][k] : undefined;
      head(`Chain rule: from ${nameOf(target)} back to ${x}`);
      say(`The gradient that arrives at ${y}, times the slope of ${y} by ${x}:`);
      const formula = nodes[t].s[k];
      say(`${d(OF, x)} += ${d(OF, y)} · ${formula ? wrapped(formula) : d(y, x)}`, "sum");
      if (pending) {
        say(`${d(OF, y)} = ${format(up)}; ${inputs(t)}; ${y} = ${format(val[t])}`);
        say(`${d(OF, x)} is ${format(before)} so far. What is it after this step?`, "big");
      } else {
        say(`${format(up)} · ${signed(s_)} = ${format(c)}`, "big");
        say(before && so !== undefined && arrowsFrom[a.source].length > 1 ? `so far ${d(OF, x)} = ${format(before)} + ${signed(c)} = ${format(so)}` : `so far ${d(OF, x)} = ${format(so)}`);
      }
    }
  }
}

function warn() {
  const alert = byId("alert"), lines = [];
  if (problem) lines.push(problem);
  for (const [i, sign, j, outcome] of DATA.comparisons) {
    const a = val[i], b = Array.isArray(j) ? read(j[0]) : val[j];
    if (a === undefined || b === undefined) continue;
    const holds = { "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a === b, "!=": a !== b }[sign];
    if (holds !== outcome) lines.push(`Python asked whether ${NAMES[i]} ${sign} ${Array.isArray(j) ? format(b) : NAMES[j]}, and it was ${outcome ? "so" : "not so"}. Now it would be ${outcome ? "not so" : "so"}: the function might take another way, which this page cannot know.`);
  }
  const odd = boxes.filter(b => !b.m && [val[b.i], grad[b.i]].some(v => v !== undefined && !isFinite(v)));
  if (odd.length) lines.push(`${odd.slice(0, 3).map(nameOf).join(", ")}${odd.length > 3 ? ` and ${odd.length - 3} more` : ""}: nan or infinite. “Stop where …” goes to the first.`);
  const moved = leaf.some((x, i) => !Object.is(x, start[i]));
  if (nodes.some(n => n.z)) lines.push(`${[...new Set(nodes.filter(n => n.z).map(n => n.r))].join(", ")}: a primitive of your own that cannot be written for this page: it keeps its number and its slopes${moved ? ", so what follows from it is not right any more" : ""}.`);
  const text = lines.join("\n");
  if (alert.dataset.text === text) return;
  alert.dataset.text = text;
  alert.replaceChildren(...lines.map(line => element("p", "⚠ " + line)));
}

// ------------------------------------------------------------ moving through the steps

function go(step, quizzed = false) {
  now = Math.max(0, Math.min(LAST, step));
  pending = quizzed && byId("asking").checked && steps[now].kind === "backward" && grad[ROOT] !== undefined;
  byId("verdict").textContent = "";
  byId("answer").value = "";
  show(true);
}
function show(follow) {
  showLeaves();
  byId("time").value = now;
  byId("count").textContent = `${now} / ${LAST}`;
  byId("first").disabled = byId("back").disabled = now === 0;
  byId("next").disabled = byId("last").disabled = now === LAST && !pending;
  draw();
  tell();
  if (follow && (now > 0 && now < LAST)) follow_();
}
function follow_() {
  const s = steps[now];
  if (s.box === undefined) return;
  const ks = s.arrow ? [s.arrow.source, s.arrow.target] : [s.box];
  const left = Math.min(...ks.map(k => place[k][0])) * scale, right = Math.max(...ks.map(k => place[k][0] + place[k][2])) * scale;
  const top = Math.min(...ks.map(k => place[k][1])) * scale, bottom = Math.max(...ks.map(k => place[k][1] + place[k][3])) * scale;
  if (right - left > graph.clientWidth && s.arrow) { graph.scrollLeft = left + (right - left - graph.clientWidth) / 2; }
  else if (left < graph.scrollLeft || right > graph.scrollLeft + graph.clientWidth) graph.scrollLeft = (left + right - graph.clientWidth) / 2;
  if (top < graph.scrollTop || bottom > graph.scrollTop + graph.clientHeight) graph.scrollTop = (top + bottom - graph.clientHeight) / 2;
}
function next() {
  if (pending) { byId("verdict").textContent = "Answer first, or choose “show”."; byId("answer").focus(); return; }
  go(now + 1, true);
}
let playing = null;
function play(on) {
  clearInterval(playing);
  playing = on ? setInterval(() => { if (now >= LAST || pending) play(false); else next(); }, 900) : null;
  byId("play").textContent = on ? "pause" : "play";
  byId("play").setAttribute("aria-pressed", String(!!on));
}
byId("time").max = LAST;
byId("time").addEventListener("input", e => { play(false); go(Number(e.target.value)); });
byId("first").addEventListener("click", () => { play(false); go(0); });
byId("back").addEventListener("click", () => { play(false); go(now - 1); });
byId("next").addEventListener("click", () => { play(false); next(); });
byId("last").addEventListener("click", () => { play(false); go(LAST); });
byId("play").addEventListener("click", () => { if (!playing && now === LAST) go(0); play(!playing); });
document.addEventListener("keydown", e => {
  const tag = e.target.tagName;
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === "Escape") { choose(null); return; }
  if (tag === "INPUT" || tag === "SELECT") return;
  const keys = { ArrowRight: next, ArrowLeft: () => go(now - 1), Home: () => go(0), End: () => go(LAST) };
  if (e.key === " " && (tag === "BUTTON" || tag === "SUMMARY")) return;
  if (e.key === " ") keys[" "] = () => byId("play").click();
  if (!keys[e.key]) return;
  e.preventDefault();
  if (e.key !== " ") play(false);
  keys[e.key]();
});

// ------------------------------------------------------------ changing leaves

const leaves = nodes.map((n, i) => i).filter(i => !nodes[i].a);
leaves.sort((a, b) => (nodes[b].p || 0) - (nodes[a].p || 0) || NAMES[a].localeCompare(NAMES[b], "en", { numeric: true }));
const rows = {}, leafBox = {};
boxes.forEach((b, k) => { if (!b.m) leafBox[b.i] = k; });
const SHOWN = 40;
function leafRows(count) {
  const panel = byId("leaves");
  panel.replaceChildren();
  for (const i of leaves.slice(0, count)) {
    const row = element("div", undefined, "leaf-row"), name = element("b", NAMES[i]);
    name.title = nodes[i].n || NAMES[i];
    const x = isFinite(start[i]) ? start[i] : 0, span = Math.max(1, 2 * Math.abs(x));
    const slider = element("input"), field = element("input"), note = element("small");
    Object.assign(slider, { type: "range", min: x - span, max: x + span, step: span / 500, value: leaf[i] });
    Object.assign(field, { type: "number", step: "any", value: Number(leaf[i].toPrecision(6)) });
    slider.setAttribute("aria-label", `${NAMES[i]}, slider`);
    field.setAttribute("aria-label", `${NAMES[i]}, number`);
    slider.addEventListener("input", () => change(i, Number(slider.value)));
    field.addEventListener("input", () => {
      const x = field.value.trim() === "" ? NaN : Number(field.value);
      field.setAttribute("aria-invalid", String(x !== x));
      if (x === x) change(i, x);
    });
    row.append(name, slider, field, note);
    panel.append(row);
    rows[i] = { slider, field, note };
  }
  if (leaves.length > count) {
    const more = element("button", `show all ${leaves.length} leaves`);
    more.addEventListener("click", () => { leafRows(leaves.length); showLeaves(); });
    panel.append(more);
  }
  panel.append(element("p", DATA.watched ? `The function made ${DATA.comparisons.length || "no"} comparison${DATA.comparisons.length === 1 ? "" : "s"}${DATA.comparisons.length ? "; where one would fall otherwise, a line above says so" : ""}. It does not run again here.`
    : "An if or a loop of your Python code does not run again here: the graph is the way that it took.", "soft"));
}
function showLeaves() {
  for (const i of leaves) {
    const r = rows[i];
    if (!r) continue;
    if (document.activeElement !== r.field) r.field.value = Number(leaf[i].toPrecision(6));
    r.slider.value = leaf[i];
    const box = leafBox[i], shown = pending ? now - 1 : now;
    setText(r.note, `gradient ${format(box === undefined ? (now === LAST ? grad[i] : undefined) : gradientAt(box, shown))}`);
  }
}
function change(i, x) {
  leaf[i] = x;
  curve = [];
  byId("fell").textContent = "";
  drawCurve();
  refresh();
}
function refresh() {
  forward();
  backward();
  showLeaves();
  warn();
  if (chosen !== null) describe();
  show(false);
}

// ------------------------------------------------------------ gradient descent

const moving = leaves.some(i => nodes[i].p) ? leaves.filter(i => nodes[i].p) : leaves;
let curve = [];
function descend(times) {
  const rate = Number(byId("rate").value), fell = byId("fell");
  if (!(rate > 0)) { fell.textContent = "The rate must be a number above 0."; return; }
  if (!curve.length && val[ROOT] !== undefined) curve.push(val[ROOT]);
  let stopped = "";
  for (let k = 0; k < times; k++) {
    if (grad[ROOT] === undefined) { stopped = " There is no gradient here: see the warning above."; break; }
    const before = leaf.slice();
    for (const i of moving) leaf[i] -= rate * grad[i];
    forward();
    backward();
    const lost = moving.find(i => !isFinite(leaf[i]));
    if (val[ROOT] === undefined || !isFinite(val[ROOT]) || lost !== undefined) {
      const why = lost !== undefined ? `${NAMES[lost]} would be ${format(leaf[lost])}` : problem || `the result would be ${format(val[ROOT])}`;
      leaf = before;
      refresh();
      fell.textContent = `This step would lead to where there is no value (${why}). The leaves are as before: take a smaller rate${lost !== undefined ? ", or start elsewhere" : ""}.`;
      drawCurve();
      return;
    }
    curve.push(val[ROOT]);
  }
  refresh();
  const a = curve[curve.length - 2], b = curve[curve.length - 1];
  const many = `${curve.length - 1} step${curve.length === 2 ? "" : "s"}`;
  if (Math.abs(b) > 1e6 * (Math.abs(curve[0]) + 1)) stopped += " It seems to have no bottom, or the rate is too large.";
  fell.textContent = curve.length > 1 ? `${many}: ${format(curve[0])} → ${format(b)}${b > a ? ". It grew: the rate may be too large." : "."}${stopped}` : stopped.trim();
  drawCurve();
}
function drawCurve() {
  const svg = byId("curve");
  svg.replaceChildren();
  if (curve.length < 2) return;
  const low = Math.min(...curve), high = Math.max(...curve), span = high - low || 1;
  const points = curve.map((y, i) => `${(8 + 284 * i / (curve.length - 1)).toFixed(1)} ${(78 - 64 * (y - low) / span).toFixed(1)}`);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", "M" + points.join("L"));
  svg.append(path);
  for (const [y, x] of [[11, high], [89, low]]) {
    const text = document.createElementNS(SVG, "text");
    text.setAttribute("x", 8);
    text.setAttribute("y", y);
    text.textContent = format(x);
    svg.append(text);
  }
}
byId("down").addEventListener("click", () => descend(1));
byId("down10").addEventListener("click", () => descend(10));
byId("reset").addEventListener("click", () => { leaf = start.slice(); curve = []; byId("fell").textContent = ""; drawCurve(); refresh(); });

// ------------------------------------------------------------ breakpoints

for (const i of leaves) {
  const option = element("option", NAMES[i]);
  option.value = i;
  byId("leaf").append(option);
}
function asked() {
  byId("bounding").hidden = byId("where").value !== "large";
  byId("reaching").hidden = byId("where").value !== "reach";
}
byId("where").addEventListener("change", asked);
byId("run").addEventListener("click", () => {
  const kind = byId("where").value, bound = Number(byId("bound").value), wanted = Number(byId("leaf").value);
  play(false);
  for (let k = now >= LAST ? 0 : now + 1; k <= LAST; k++) {
    const s = steps[k], b = s.box === undefined ? null : boxes[s.box];
    if (!b) continue;
    const ahead = s.kind === "forward";
    // Of a group, whichever of its members it is.
    const all = b.m ? b.m.map(i => [i, ahead ? val[i] : grad[i]]) : [[b.i, ahead ? val[b.i] : gradientAt(s.box, k)]];
    const hit = kind === "bad" ? all.find(([, x]) => x !== undefined && !isFinite(x)) : kind === "large" ? !ahead && all.find(([, x]) => Math.abs(x) > bound)
      : s.kind === "backward" && all.find(([i]) => i === wanted);
    if (hit) {
      go(k);
      byId("stopped").textContent = `Stopped at step ${k}: ${NAMES[hit[0]]} has ${ahead ? "data" : "gradient"} ${format(hit[1])}.`;
      return;
    }
  }
  byId("stopped").textContent = "No later step does that.";
});

// ------------------------------------------------------------ quiz

byId("asking").addEventListener("change", showLeaves);
byId("quiz").addEventListener("submit", e => {
  e.preventDefault();
  const s = steps[now], a = s.arrow;
  const written = byId("answer").value.trim().replace(",", ".").replace("−", "-").replace(/^([-+]?)(inf|∞)$/i, "$1Infinity");
  const answer = Number(written);
  if (written === "" || answer !== answer) { byId("verdict").textContent = "Write a number, such as 0.25."; return; }
  byId("verdict").textContent = verdict(answer, a);
});
function verdict(answer, a) {
  const before = gradientAt(a.source, now - 1) || 0, c = contribution(a), total = before + c;
  const near = (x, y) => !isFinite(y) ? x === y : Math.abs(x - y) <= 0.006 * Math.max(Math.abs(y), 1e-12) || format(x, 3) === format(y, 3);
  if (near(answer, total)) { pending = false; show(false); return "Right."; }
  const one = a.parts.length === 1, up = one ? grad[a.parts[0][0]] : undefined, s = one ? slopes[a.parts[0][0]][a.parts[0][1]] : undefined;
  if (before && near(answer, c)) return "That is what this arrow brings. Gradients add up: it is += and not =, so add what was there before.";
  if (near(answer, -total) || near(answer, before - c)) return "The size is right, the sign is not.";
  if (one && (near(answer, before + up) || near(answer, up))) return "That is what arrives from above. It still has to be multiplied by the slope of this operation.";
  if (one && (near(answer, before + s) || near(answer, s))) return "That is the slope of this operation alone. Multiply it by what arrives from above.";
  if (one && s !== 0 && near(answer, before + up / s)) return "Multiply by the slope; this looks divided.";
  return "Not yet. It is what was there before, plus what arrives from above times the slope.";
}
byId("give").addEventListener("click", () => { pending = false; show(false); });

// ------------------------------------------------------------ asking about a box

function choose(k) {
  chosen = k;
  onPath = new Set();
  if (k !== null) {
    const stack = [k];
    while (stack.length) {
      const b = stack.pop();
      if (onPath.has(b)) continue;
      onPath.add(b);
      for (const a of arrowsFrom[b]) { onPath.add("a" + a.k); stack.push(a.target); }
    }
  }
  describe();
  draw();
  if (k !== null && matchMedia("(min-width: 821px)").matches) byId("chosen").scrollIntoView({ block: "nearest" });
}
const users = nodes.map(() => []);
nodes.slice(0, ROOT + 1).forEach((n, t) => (n.a || []).forEach((a, k) => { if (!Array.isArray(a)) users[a].push([t, k]); }));
const pathCount = nodes.map(() => 0);
pathCount[ROOT] = 1;
for (let i = ROOT - 1; i >= 0; i--) pathCount[i] = users[i].reduce((sum, [t]) => sum + pathCount[t], 0);

function paths(i, most) {
  const found = [], stack = [[i, [], 1]];
  while (stack.length && found.length < most) {
    const [at, way, product] = stack.pop();
    if (at === ROOT) { found.push([way, product]); continue; }
    for (const [t, k] of [...users[at]].reverse()) stack.push([t, [...way, [t, k]], product * (slopes[t] ? slopes[t][k] : NaN)]);
  }
  return found;
}
function describe() {
  const about = byId("about");
  about.replaceChildren();
  const say = (text, kind) => about.append(element("p", text, kind));
  if (chosen === null) { say("Choose a box to see where its number comes from and where its gradient comes from."); return; }
  const b = boxes[chosen], L = NAMES[ROOT];
  if (b.m) { say(b.l); say(`data ${range(b.m.map(i => val[i]))}, gradient ${range(b.m.map(i => grad[i]))}`); return; }
  const i = b.i, n = nodes[i];
  about.append(element("b", n.n && n.n !== NAMES[i] ? `${NAMES[i]} (${n.n})` : NAMES[i]));
  about.append(element("h3", "data"));
  if (n.a) {
    say(`${NAMES[i]} = ${b.f} = ${val[i] === undefined ? "no value" : val[i]}`, "sum");
    say(`inputs: ${inputs(i)}`, "sum");
  } else say(`a leaf: ${val[i]}`, "sum");
  if (byId("asking").checked && now < LAST) { say("Its gradient: that is for you to find out, as long as the quiz is on."); return; }
  about.append(element("h3", `gradient ${d(OF, NAMES[i])} = ${grad[i] === undefined ? "–" : grad[i]}`));
  if (i === ROOT) { say(ARRIVES === 1 ? "the result itself" : "given", "sum"); return; }
  say(`= ${arrowsFrom[chosen].map(a => a.parts.length > 1 ? signed(contribution(a)) : `${format(grad[a.parts[0][0]])} · ${signed(slopes[a.parts[0][0]] && slopes[a.parts[0][0]][a.parts[0][1]])}`).join(" + ") || "0: nothing uses it"}`, "sum");
  about.append(element("h3", `over ${pathCount[i] === 1 ? "the one path" : `all ${pathCount[i].toLocaleString("en")} paths`} to ${L}`));
  const list = element("ul"), few = paths(i, 8);
  for (const [way, product] of few)
    list.append(element("li", `${[NAMES[i], ...way.filter(([t]) => !nodes[t].h).map(([t]) => NAMES[t])].join(" → ")}: ${[...way.map(([t, k]) => signed(slopes[t] && slopes[t][k])), ...(ARRIVES === 1 ? [] : [signed(ARRIVES)])].join(" · ")} = ${format(product * ARRIVES)}`));
  if (pathCount[i] > few.length) list.append(element("li", `and ${(pathCount[i] - few.length).toLocaleString("en")} more`));
  about.append(list);
}
drawnBox.forEach((g, k) => {
  g.setAttribute("tabindex", "0");
  g.setAttribute("role", "button");
  const tip = document.createElementNS(SVG, "title");
  g.prepend(tip);
  const name = () => `${nameOf(boxes[k])}${boxes[k].m ? "" : `: data ${format(val[boxes[k].i])}, gradient ${format(gradientAt(k, pending ? now - 1 : now))}`}`;
  tip.textContent = nameOf(boxes[k]);
  g.addEventListener("mouseenter", () => { tip.textContent = name(); });
  g.addEventListener("click", () => choose(chosen === k ? null : k));
  g.addEventListener("keydown", e => {
    if (e.key === "Enter") choose(chosen === k ? null : k);
  });
});
picture.setAttribute("role", "group");
picture.querySelector("title").remove();
picture.setAttribute("aria-label", "Graph of the computation");

// ------------------------------------------------------------ size

graph.addEventListener("zoomed", () => { cull(); draw(); });
let waiting = false;
function later() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; cull(); draw(); });
}
graph.addEventListener("scroll", () => { if (boxes.length > MANY) later(); });
addEventListener("resize", later);
addEventListener("beforeprint", () => { seen.fill(true); seenArrow.fill(true); for (const g of [...drawnBox, ...drawnArrow.flat()]) if (g) g.style.display = ""; draw(); });
addEventListener("afterprint", later);

function begin() {
  leafRows(SHOWN);
  asked();
  zoom(Math.min(1, Math.max(whole(), 0.75)));
  refresh();
  describe();
  const [x, y, w, h] = place[boxes.length - 1];
  graph.scrollLeft = (x + w) * scale - graph.clientWidth + 30;
  graph.scrollTop = (y + h / 2) * scale - graph.clientHeight / 2;
  later();
}
begin();
// For the console: explorer.set("w", 2), explorer.value("y"), explorer.gradient("w").
const find = name => { const i = NAMES.indexOf(name); if (i < 0) throw new Error(`there is no ${name}`); return i; };
window.explorer = {
  names: NAMES, steps: LAST, go,
  set: (name, x) => change(find(name), x), value: name => val[find(name)], gradient: name => grad[find(name)],
  slope: (i, k) => slopes[i][k], values: () => val.slice(), gradients: () => grad.slice(), problem: () => problem,
};
