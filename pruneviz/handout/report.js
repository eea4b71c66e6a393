// Draws the charts, in the colours that the reader's screen asks for; on paper they are as wide as the paper.
(() => {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const PAPER = 680;
  const BLACK = "#000000";
  const config = {
    displaylogo: false,
    responsive: true,
    showSendToCloud: false,
    showEditInChartStudio: false,
    showLink: false,
    plotlyServerURL: "",
    topojsonURL: "",
    modeBarButtons: [["toImage"]],
  };

  // An outline in black marks what is pinned; on a dark page it is white.
  function turned(value, night, inLine = false) {
    if (Array.isArray(value)) return value.map((one) => turned(one, night, inLine));
    if (value && typeof value === "object") {
      const entries = Object.entries(value);
      return Object.fromEntries(entries.map(([key, one]) => [key, turned(one, night, inLine || key === "line")]));
    }
    return night && inLine && value === BLACK ? "#FFFFFF" : value;
  }

  function draw() {
    const night = dark.matches;
    const ink = night ? "#e8ebef" : "#1b1f24";
    const ground = night ? "#1d232a" : "#ffffff";
    const drawn = Object.entries(figures).map(([name, figure]) => {
      const layout = turned(figure.layout, night);
      layout.font = { ...layout.font, color: ink };
      layout.hoverlabel = { bgcolor: ground, font: { color: ink } };
      layout.modebar = { bgcolor: "rgba(0, 0, 0, 0)", color: ink, activecolor: ink };
      layout.autosize = true;
      return Plotly.react(`plot-${name}`, turned(figure.data, night), layout, config);
    });
    return Promise.all(drawn);
  }

  // On paper nothing is drawn anew, since that would take time: what is there becomes as wide as the paper, and tables open.
  let opened = [];
  function toPaper() {
    opened = [...document.querySelectorAll("details:not([open]):not([data-screen])")];
    for (const one of opened) one.open = true;
    for (const one of document.querySelectorAll(".plot")) one.style.zoom = Math.min(1, PAPER / one.clientWidth);
  }
  function toScreen() {
    for (const one of opened) one.open = false;
    opened = [];
    for (const one of document.querySelectorAll(".plot")) one.style.zoom = "";
  }

  dark.addEventListener("change", draw);
  addEventListener("beforeprint", toPaper);
  addEventListener("afterprint", toScreen);
  draw().then(() => { document.documentElement.dataset.drawn = "yes"; });
})();
