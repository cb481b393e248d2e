// JupyterLab takes keys that are pressed on a control for commands about cells: x would cut one, an arrow
// leave it. It spares elements with this attribute, so whatever has the focus inside a view gets it.
function render({ el }) {
  el.style.display = "none";
  const guard = (event) => {
    if (event.target.closest?.(".unlearnkit-view")) {
      event.target.setAttribute("data-lm-suppress-shortcuts", "true");
    }
  };
  document.addEventListener("focusin", guard);
  return () => document.removeEventListener("focusin", guard);
}
export default { render };
