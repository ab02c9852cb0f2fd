(() => {
  "use strict";
  const root = document.documentElement;
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const chips = [...document.querySelectorAll(".legend button")];
  const shown = new Map(chips.map((chip) => [chip.dataset.method, chip.ariaPressed === "true"]));
  const drawn = new Set();

  // Colours come from the style sheet, so that a chart follows the page's theme.
  const variable = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const colour = (token) => {
    const [name, opacity] = token.slice(1).split("/");
    const alpha = opacity ? Math.round(opacity * 255).toString(16).padStart(2, "0") : "";
    return variable(name) + alpha;
  };
  const paint = (value) => {
    if (typeof value === "string") return value.startsWith("@") ? colour(value) : value;
    if (Array.isArray(value)) return value.map(paint);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, paint(part)]));
  };

  const canPoint = matchMedia("(pointer: fine)").matches;
  function axis(given) {
    const title = { standoff: 8, font: { size: 12, color: variable("soft") } };
    return {
      gridcolor: variable("line"), linecolor: variable("line"), zerolinecolor: variable("line"),
      zerolinewidth: 1, ticks: "outside", ticklen: 4, tickcolor: variable("line"),
      tickfont: { size: 11.5 }, automargin: true, fixedrange: !canPoint,
      ...given, title: { ...title, ...given.title },
    };
  }
  function layout(given, div) {
    const painted = paint(given);
    for (const name of Object.keys(painted).concat("xaxis", "yaxis"))
      if (/^[xy]axis/.test(name)) painted[name] = axis(painted[name] || {});
    return {
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: variable("soft") },
      margin: { l: 46, r: 10, t: 10, b: 40 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
      modebar: { bgcolor: "rgba(0,0,0,0)", color: variable("soft"), activecolor: variable("ink") },
      dragmode: canPoint ? "zoom" : false,
      hoverlabel: {
        bgcolor: variable("bg"), bordercolor: variable("line"), namelength: -1,
        font: { size: 12, color: variable("ink") },
      },
      ...painted,
      width: "print" in root.dataset ? div.clientWidth : undefined,
    };
  }
  const config = {
    responsive: true, displaylogo: false, displayModeBar: canPoint ? "hover" : false,
    // Named one by one: by default there is a button that sends the chart to Plotly's server.
    modeBarButtons: [["toImage", "resetScale2d"]], showSendToCloud: false, plotlyServerURL: "",
    toImageButtonOptions: { format: "svg" },
  };
  function draw(div) {
    const { data, layout: given } = charts[div.id];
    const narrow = div.clientWidth < 480;
    const traces = paint(data).map((trace) => ({
      ...trace,
      ...(shown.has(trace.meta) && { visible: shown.get(trace.meta) }),
      // Names beside points overlap on a phone; the bar at the top has them, too.
      ...(narrow && trace.mode === "markers+text" && { mode: "markers" }),
    }));
    drawn.add(div);
    return Plotly.react(div, traces, layout(given, div), config);
  }

  const divs = [...document.querySelectorAll(".chart")];
  const nearby = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting || drawn.has(target)) continue;
      draw(target);
      nearby.unobserve(target);
    }
  }, { rootMargin: "500px 0px" });
  divs.forEach((div) => nearby.observe(div));
  const redraw = () => [...drawn].filter((div) => div.clientWidth).forEach(draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => {
    root.dataset.print = "";
    divs.filter((div) => div.clientWidth).forEach(draw);
  });
  addEventListener("afterprint", () => {
    delete root.dataset.print;
    redraw();
    drawn.forEach((div) => Plotly.Plots.resize(div));
  });

  for (const chip of chips)
    chip.addEventListener("click", () => {
      const { method } = chip.dataset;
      shown.set(method, !shown.get(method));
      chip.ariaPressed = String(shown.get(method));
      for (const panel of document.querySelectorAll(".panels > figure"))
        if (panel.dataset.method === method) panel.hidden = !shown.get(method);
      redraw();
    });
})();
