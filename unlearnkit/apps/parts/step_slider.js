// A range input inside its own label: it has a name, and says its value in words.
function render({ model, el }) {
  const label = document.createElement("label");
  const name = document.createElement("span");
  const input = document.createElement("input");
  const value = document.createElement("output");
  input.type = "range";
  input.min = "0";
  input.step = "1";
  input.setAttribute("data-lm-suppress-shortcuts", "true"); // else JupyterLab takes its arrow keys
  label.className = "unlearnkit-slider";
  label.append(name, input, value);
  el.append(label);

  const show = () => {
    const options = model.get("options");
    const text = options[model.get("index")] ?? "–";
    name.textContent = model.get("label");
    label.title = model.get("hint");
    input.max = String(Math.max(options.length - 1, 0));
    input.value = String(model.get("index"));
    input.disabled = model.get("disabled") || options.length < 2;
    input.setAttribute("aria-valuetext", text);
    value.textContent = text;
  };
  input.addEventListener("input", () => {
    model.set("index", Number(input.value));
    model.save_changes();
  });
  const names = ["options", "index", "label", "hint", "disabled"];
  names.forEach((trait) => model.on(`change:${trait}`, show));
  show();
  return () => names.forEach((trait) => model.off(`change:${trait}`, show));
}
export default { render };
