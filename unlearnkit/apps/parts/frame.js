// What a view needs of the page around it: its keys, and figures as wide as it is.
const VIEW = ".unlearnkit-view";

// JupyterLab takes keys that are pressed on a control for commands about cells: x would cut one, an arrow
// leave it. It spares elements with this attribute, so whatever has the focus inside a view gets it.
function keepKeys(event) {
  if (event.target.closest?.(VIEW)) {
    event.target.setAttribute("data-lm-suppress-shortcuts", "true");
  }
}

// A figure is drawn before it has a place, 700 pixels wide; plotly measures again when the window changes.
function widen(el, observer) {
  const view = el.closest(VIEW);
  if (!view) return;
  let seen = "";
  observer.current = new ResizeObserver(() => {
    const plots = view.querySelectorAll(".js-plotly-plot .main-svg").length;
    const now = `${view.clientWidth} ${plots}`;
    if (now === seen) return;
    seen = now;
    requestAnimationFrame(() => window.dispatchEvent(new Event("resize")));
  });
  observer.current.observe(view);
}

function render({ el }) {
  el.style.display = "none";
  const observer = { current: null };
  let waiting = requestAnimationFrame(function look() {
    if (el.isConnected) widen(el, observer);
    else waiting = requestAnimationFrame(look);
  });
  document.addEventListener("focusin", keepKeys);
  return () => {
    cancelAnimationFrame(waiting);
    observer.current?.disconnect();
    document.removeEventListener("focusin", keepKeys);
  };
}
export default { render };
