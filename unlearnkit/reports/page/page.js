// Draws the figures from the JSON beside them, in the reader's colours, and makes large CSV files savable.
(() => {
  "use strict";
  const templates = JSON.parse(document.getElementById("templates").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const config = { displaylogo: false, responsive: true, showSendToCloud: false, displayModeBar: "hover",
    modeBarButtonsToRemove: ["sendChartToCloud", "select2d", "lasso2d"] };
  const holders = [...document.querySelectorAll(".plot")];
  const figures = holders.map((holder) => JSON.parse(holder.nextElementSibling.textContent));

  const draw = (theme) => holders.forEach((holder, place) => {
    const style = getComputedStyle(document.documentElement);
    const ground = theme === "dark" ? style.getPropertyValue("--card").trim() : "#ffffff";
    const small = holder.clientWidth < 480;
    const entries = figures[place].data.filter((trace) => trace.showlegend !== false).length;
    const height = figures[place].layout.height + (small ? 14 * entries : 0);  // the legend stands in fewer columns
    const layout = { ...figures[place].layout, height, template: templates[theme], paper_bgcolor: ground, plot_bgcolor: ground,
      font: { family: "system-ui, sans-serif", size: small ? 11 : 13 } };
    Plotly.react(holder, figures[place].data, layout, config);
  });
  const now = () => (dark.matches ? "dark" : "light");
  draw(now());
  dark.addEventListener("change", () => draw(now()));
  // Paper is white.
  addEventListener("beforeprint", () => draw("light"));
  addEventListener("afterprint", () => draw(now()));

  // Browsers save no data: address above 2 MB; a blob has no limit.
  for (const link of document.querySelectorAll("a[download]")) {
    const bytes = Uint8Array.from(atob(link.getAttribute("href").split(",")[1]), (c) => c.charCodeAt(0));
    link.href = URL.createObjectURL(new Blob([bytes], { type: "text/csv;charset=utf-8" }));
  }
  document.documentElement.dataset.drawn = String(holders.length);
})();
