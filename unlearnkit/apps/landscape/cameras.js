// Turn one landscape, and its neighbours turn with it, while the mouse still moves.
//
// The kernel hears of a camera when the mouse is let go, and sets the others then; this is for the time until
// then. It uses what plotly keeps to itself; where a plotly keeps it differently, they follow on letting go.
const VIEW = ".unlearnkit-view";
const scenes = (figure) => (figure._fullLayout?._subplots?.gl3d ?? []);

// All scenes but one take on its camera.
function follow(figure, leader) {
  const lead = figure._fullLayout?.[leader]?._scene;
  if (!lead?.getCamera) return;
  const camera = lead.getCamera();
  for (const name of scenes(figure)) {
    const place = figure._fullLayout[name];
    if (name === leader || !place._scene?.setViewport) continue;
    place._scene.setViewport({ ...place, camera: { ...place.camera, ...camera } });
  }
}

function link(figure) {
  if (figure.unlearnkitLinked) return;
  figure.unlearnkitLinked = true;
  const moving = { leader: null };
  const frame = () => {
    if (moving.leader === null || !figure.isConnected) return;
    follow(figure, moving.leader);
    requestAnimationFrame(frame);
  };
  const leader = (moved) => scenes(figure).find((name) => moved[`${name}.camera`]) ?? null;
  figure.on("plotly_relayouting", (moved) => {
    const begins = moving.leader === null;
    moving.leader = leader(moved);
    if (begins) frame();
  });
  figure.on("plotly_relayout", (moved) => {
    moving.leader = null;
    const last = leader(moved);
    if (last !== null && Object.keys(moved).length < 2) follow(figure, last); // the kernel sets all at once
  });
  window.dispatchEvent(new Event("resize")); // a figure is drawn before it has a place; now it has one
}

function render({ el }) {
  el.style.display = "none";
  const look = () => {
    const figures = [...(el.closest(VIEW)?.querySelectorAll(".js-plotly-plot") ?? [])];
    const drawn = figures.filter((figure) => figure.on && figure._fullLayout);
    drawn.forEach(link);
  };
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
