"use strict";
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const specs = new Map();
  const drawn = new Set();
  const PAPER_WIDTH = 680;  // pixels: figures do not follow the paper of themselves
  let beforePrint = null;
  const probe = document.body.appendChild(document.createElement("span"));
  probe.hidden = true;

  const isDark = () => getComputedStyle(root).colorScheme === "dark"
    || (root.dataset.theme === undefined && matchMedia("(prefers-color-scheme: dark)").matches);

  // Colours of figures are names of custom properties, which only an element's style resolves.
  const resolve = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const COLOUR_KEYS = new Set(["color", "fillcolor", "bgcolor"]);
  const NAME = /^(series-\d|ink|muted|line|paper|raised|accent|good|warning)$/;
  const colourOf = (value) => Array.isArray(value) ? value.map(colourOf) : NAME.test(value) ? resolve(value) : value;
  const coloured = (value, key) => {
    if (COLOUR_KEYS.has(key)) return colourOf(value);
    if (Array.isArray(value)) return value.length && typeof value[0] === "object" ? value.map((one) => coloured(one)) : value;
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, coloured(one, name)]));
  };

  const axis = (own) => ({
    automargin: true, gridcolor: "", linecolor: "", zerolinecolor: "", fixedrange: true, ...own,
    title: { standoff: 8, font: { size: 12 }, ...(own && own.title) },
  });
  const dressed = (layout) => {
    const line = resolve("line"), ink = resolve("ink"), paper = resolve("paper");
    const whole = {
      autosize: true,
      margin: { l: 8, r: 12, t: 8, b: 8 },
      font: { family: getComputedStyle(root).fontFamily, size: 12, color: ink },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: paper, bordercolor: line, font: { color: ink }, namelength: -1 },
      ...layout,
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", ...layout.legend },
    };
    if (beforePrint) Object.assign(whole, { width: PAPER_WIDTH, autosize: false });
    for (const key of Object.keys(layout).filter((name) => /^[xy]axis/.test(name))) {
      whole[key] = { ...axis(layout[key]), gridcolor: line, linecolor: line, zerolinecolor: line };
    }
    return whole;
  };

  const specOf = (name) => {
    if (!specs.has(name)) specs.set(name, JSON.parse(document.getElementById(`spec-${name}`).textContent));
    return specs.get(name);
  };
  const chosen = (name) => {
    const choice = document.getElementById(`choice-${name}`);
    return choice && new Set(choice.value.split(",").map(Number));
  };
  const draw = (name) => {
    const spec = coloured(specOf(name)), shown = chosen(name);
    const traces = spec.data.map((trace, place) => ({ ...trace, visible: !shown || shown.has(place) }));
    drawn.add(name);
    return Plotly.react(`plot-${name}`, traces, dressed(spec.layout), { displayModeBar: false, responsive: true });
  };

  const names = [...document.querySelectorAll(".plot")].map((plot) => plot.id.slice(5));
  const eye = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      eye.unobserve(entry.target);
      draw(entry.target.id.slice(5));
    }
  }, { rootMargin: "300px" });
  for (const name of names) eye.observe(document.getElementById(`plot-${name}`));
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
    beforePrint = { theme: root.dataset.theme };
    root.dataset.theme = "light";
    for (const name of names) draw(name);
  });
  addEventListener("afterprint", () => {
    if (beforePrint.theme) root.dataset.theme = beforePrint.theme;
    else delete root.dataset.theme;
    beforePrint = null;
    for (const name of drawn) draw(name).then((plot) => Plotly.Plots.resize(plot));
  });

  const save = (content, name, type) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const quoted = (text) => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const contentOf = (cell) => {
    if (cell.classList.contains("none")) return "";
    const number = cell.querySelector("data");
    return number ? number.value : cell.textContent.trim();
  };
  const csv = (table) => [...table.rows].map((row) => [...row.cells].map(contentOf).map(quoted).join(",")).join("\n");

  document.addEventListener("click", async (event) => {
    const { csv: table, figure, format } = event.target.dataset;
    if (table) save("\ufeff" + csv(document.getElementById(`table-${table}`)) + "\n", `${table}.csv`, "text/csv");
    if (figure) {
      await draw(figure);
      const plot = document.getElementById(`plot-${figure}`);
      await Plotly.downloadImage(plot, { format, filename: figure, width: plot.clientWidth, height: plot.clientHeight, scale: format === "png" ? 2 : 1 });
    }
  });
  for (const choice of document.querySelectorAll("[data-choice]")) {
    choice.addEventListener("change", () => draw(choice.dataset.choice));
  }

  const tell = () => {
    button.setAttribute("aria-pressed", String(isDark()));
    for (const name of drawn) draw(name);
  };
  const remembered = (value) => {
    try {  // pages that lie in files may have no storage
      if (value) localStorage.setItem("theme", value);
      return localStorage.getItem("theme");
    } catch { return null; }
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered(root.dataset.theme);
    tell();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
  if (remembered()) root.dataset.theme = remembered();
  tell();

  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const reader = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id).setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  for (const section of document.querySelectorAll("main > section")) reader.observe(section);
})();
