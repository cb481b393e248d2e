// What a view needs of the page around it: its keys, and figures as wide as it is that hear the kernel.
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

// anywidget gives up on a figure whose program (plotly's 5 MB) is not there after two seconds: it is drawn
// when it comes, and every later message of the kernel's is dropped. Once drawn it can take them as any widget.
async function listen(model) {
  for (const id of model.get("figures")) {
    const figure = await model.widget_manager?.get_model?.(id);
    const handle = figure && Object.getPrototypeOf(Object.getPrototypeOf(figure))._handle_comm_msg;
    if (!handle || !figure.comm?.on_msg || figure.unlearnkitListens) continue;
    figure.unlearnkitListens = true;
    figure.comm.on_msg((message) => handle.call(figure, message));
  }
}

function render({ model, el }) {
  el.style.display = "none";
  const observer = { current: null };
  const hear = () => {
    const drawn = [...(el.closest(VIEW)?.querySelectorAll(".js-plotly-plot") ?? [])].filter((one) => one._fullLayout);
    if (drawn.length >= model.get("figures").length) listen(model);
  };
  const arrivals = new MutationObserver(hear);
  model.on("change:figures", hear);
  let waiting = requestAnimationFrame(function look() {
    if (el.isConnected) {
      widen(el, observer);
      arrivals.observe(el.closest(VIEW) ?? el, { childList: true, subtree: true });
      hear();
    }
    else waiting = requestAnimationFrame(look);
  });
  document.addEventListener("focusin", keepKeys);
  return () => {
    cancelAnimationFrame(waiting);
    observer.current?.disconnect();
    arrivals.disconnect();
    model.off("change:figures", hear);
    document.removeEventListener("focusin", keepKeys);
  };
}
export default { render };
