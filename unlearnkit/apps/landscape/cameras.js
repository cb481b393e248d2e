// Turn one landscape, and its neighbours turn with it, while the mouse still moves.
//
// The kernel hears of a camera when the mouse is let go, and sets the others then; this is for the time until
// then. It uses what plotly keeps to itself; where a plotly keeps it differently, they follow on letting go.
const VIEW = ".unlearnkit-view";
const scenes = (figure) => (figure._fullLayout?._subplots?.gl3d ?? []);

function follow(figure, moved) {
  const named = scenes(figure).find((name) => moved[`${name}.camera`]);
  if (!named) return;
  const camera = moved[`${named}.camera`];
  for (const name of scenes(figure)) {
    const place = figure._fullLayout[name];
    if (name === named || !place?._scene?.setViewport) continue;
    place._scene.setViewport({ ...place, camera: { ...place.camera, ...camera } });
  }
}

function link(figure) {
  if (figure.unlearnkitLinked || !figure.on) return;
  figure.unlearnkitLinked = true;
  figure.on("plotly_relayouting", (moved) => follow(figure, moved));
  figure.on("plotly_relayout", (moved) => follow(figure, moved));
  window.dispatchEvent(new Event("resize")); // a figure is drawn before it has a place; now it has one
}

function render({ el }) {
  el.style.display = "none";
  const look = () => el.closest(VIEW)?.querySelectorAll(".js-plotly-plot").forEach(link);
  const observer = new MutationObserver(look);
  let waiting = requestAnimationFrame(function start() {
    const view = el.closest(VIEW);
    if (!view) waiting = requestAnimationFrame(start);
    else {
      observer.observe(view, { childList: true, subtree: true });
      look();
    }
  });
  return () => {
    cancelAnimationFrame(waiting);
    observer.disconnect();
  };
}
export default { render };
