// Saves the figure of the view that the button stands in, by pressing the camera in plotly's own toolbar.
function render({ model, el }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "jupyter-widgets jupyter-button widget-button";
  button.textContent = model.get("label");
  button.title = model.get("hint");
  button.addEventListener("click", () => {
    const view = el.closest(".unlearnkit-view") ?? document;
    const camera = view.querySelector('.js-plotly-plot .modebar-btn[data-title*="png" i]');
    if (camera) camera.click();
    model.set("found", camera ? "figure" : "nothing");
    model.set("presses", model.get("presses") + 1);
    model.save_changes();
  });
  el.append(button);
}
export default { render };
