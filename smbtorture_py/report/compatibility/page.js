"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const table = $("matrix");
  const rows = [...table.querySelectorAll("tr.row")];
  const groups = [...table.querySelectorAll("tbody.group")];
  const controls = { search: $("search"), area: $("area"), level: $("level"), show: $("show"), by: $("by") };
  const toggles = [...document.querySelectorAll("input[data-column]")];
  const texts = new Map(rows.map((row) => [row, row.dataset.text.toLowerCase() + " " + row.textContent.toLowerCase()]));

  const shows = {
    all: () => true,
    failing: (cells) => cells.some((one) => /^(fail|timeout|crash|error|missing)$/.test(one.dataset.outcome)),
    unexpected: (cells) => cells.some((one) => one.classList.contains("unexpected")),
    differing: (cells, row) => row.hasAttribute("data-differs"),
    changed: (cells) => cells.some((one) => one.classList.contains("changed")),
  };

  const visibleCells = (row) => [...row.cells].filter((one) => one.tagName === "TD" && !one.hidden);

  function filter() {
    const words = controls.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const area = controls.area.value, level = controls.level.value, show = shows[controls.show.value];
    let count = 0;
    for (const row of rows) {
      const text = texts.get(row);
      const fits = words.every((word) => text.includes(word)) && (!area || row.dataset.area === area)
        && (!level || row.dataset.level === level) && show(visibleCells(row), row);
      row.hidden = !fits;
      count += fits;
    }
    for (const group of groups) group.hidden = !group.querySelector("tr.row:not([hidden])");
    $("count").textContent = `${count} of ${rows.length} cases`;
    const first = table.querySelector("td[tabindex='0']");
    if (!first || first.closest("[hidden]")) focusable(table.querySelector("tr.row:not([hidden]) td:not([hidden])"), false);
    remember();
  }

  function columns() {
    for (const toggle of toggles)
      for (const cell of table.querySelectorAll(`[data-n="${toggle.dataset.column}"]`)) cell.hidden = !toggle.checked;
    filter();
  }

  function regroup() {
    const attribute = controls.by.value;
    const homes = new Map(groups.map((group) => [`${group.dataset.by}:${group.dataset.name}`, group]));
    for (const row of rows) homes.get(`${attribute}:${row.dataset[attribute]}`).append(row);
    filter();
  }

  function focusable(cell, focus = true) {
    if (!cell) return;
    for (const one of table.querySelectorAll("td[tabindex='0']")) one.tabIndex = -1;
    cell.tabIndex = 0;
    if (focus) { cell.focus(); cell.scrollIntoView({ block: "nearest", inline: "nearest" }); }
  }

  function move(cell, key) {
    const row = cell.parentElement;
    const shown = [...table.querySelectorAll("tr.row")].filter((one) => !one.closest("[hidden]"));
    const at = shown.indexOf(row), cells = visibleCells(row), column = cells.indexOf(cell);
    const to = { ArrowUp: [at - 1, column], ArrowDown: [at + 1, column], ArrowLeft: [at, column - 1],
      ArrowRight: [at, column + 1], Home: [at, 0], End: [at, cells.length - 1], PageUp: [Math.max(0, at - 15), column],
      PageDown: [Math.min(shown.length - 1, at + 15), column] }[key];
    if (!to) return false;
    if (shown[to[0]]) focusable(visibleCells(shown[to[0]])[to[1]]);
    return true;
  }

  async function unpack(id) {
    const bytes = Uint8Array.from(atob($(id).textContent.trim()), (one) => one.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }
  let details;
  const load = () => (details ??= unpack("details"));

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  async function open(cell) {
    const row = cell.parentElement, data = await load(), box = $("detail-body");
    const column = Number(cell.dataset.n), label = data.columns[column];
    box.replaceChildren(element("h2", `${row.dataset.case} on ${label}`), element("p", data.rows[row.dataset.case].sentence));
    const list = element("ul");
    for (const id of data.rows[row.dataset.case].requirements) {
      const rule = data.rules[id];
      const item = element("li");
      item.append(element("code", id));
      if (rule) item.append(` ${rule.section} ${rule.level}: ${rule.condition} → ${rule.outcome}`);
      list.append(item);
    }
    box.append(list);
    for (const group of (data.rows[row.dataset.case].cells[column] || [])) {
      box.append(element("h3", `${group.outcome}${group.verdict === "ok" ? "" : ` (${group.verdict})`}`
        + (group.behaviour ? `: ${group.behaviour}` : "")));
      if (group.variants.some(Boolean)) box.append(element("p", `variants: ${group.variants.join(" · ")}`, "quiet"));
      if (group.actual) box.append(element("p", `seen: ${group.actual}`));
      if (group.reason) box.append(element("pre", group.reason));
      if (group.expectation) box.append(element("p", `known by ${group.expectation}`));
      if (group.reproduce) box.append(element("pre", group.reproduce));
      if (group.evidence) {
        const more = element("details");
        more.append(element("summary", "transcript"), element("pre", group.evidence, "transcript"));
        box.append(more);
      }
    }
    if (cell.dataset.outcome === "absent") box.append(element("p", "This run did not have the case."));
    if (cell.dataset.missing !== "0") box.append(element("p", `${cell.dataset.missing} variants have no result: the run was cut off.`));
    $("detail").showModal();
    $("detail").scrollTop = 0;
    $("detail").dataset.from = cell.id;
    location.hash = cell.id;
  }

  function remember() {
    const state = new URLSearchParams();
    for (const [name, control] of Object.entries(controls)) if (control.value && control.value !== control.dataset.initial) state.set(name, control.value);
    try { history.replaceState(null, "", `${location.pathname}${state.size ? `?${state}` : ""}${location.hash}`); } catch { /* a file opened without a location */ }
  }

  table.addEventListener("click", (event) => {
    const cell = event.target.closest("td[data-n]");
    if (cell) { focusable(cell); open(cell); }
  });
  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest("td[data-n]");
    if (!cell || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(cell); }
    else if (move(cell, event.key)) event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) { event.preventDefault(); controls.search.focus(); }
    else if (event.key === "Escape" && event.target === controls.search) { controls.search.value = ""; filter(); }
  });
  $("detail").addEventListener("close", () => { const from = $($("detail").dataset.from); if (from) focusable(from); });
  $("close").addEventListener("click", () => $("detail").close());

  const state = new URLSearchParams(location.search);
  for (const [name, control] of Object.entries(controls)) {
    control.dataset.initial = control.value;
    if (state.has(name)) control.value = state.get(name);
    control.addEventListener("input", name === "by" ? regroup : filter);
  }
  for (const toggle of toggles) toggle.addEventListener("input", columns);
  if (controls.by.value === "area") filter(); else regroup();
  const wanted = location.hash && $(location.hash.slice(1));
  if (wanted && wanted.matches("td[data-n]")) { focusable(wanted); open(wanted); }
  document.documentElement.dataset.ready = "yes";
})();
